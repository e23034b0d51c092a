"""A node's kubelet: registers the node, runs the pods that are bound to it, serves logs and exec."""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from control.agents import pod_cgroup
from control.agents.context import NodeContext
from control.agents.gate import PolicyGate
from control.agents.inherited import Inherited
from control.agents.kubelet_node import NodeRegistration, machine_capacity
from control.agents.kubelet_server import KubeletServer
from control.agents.kubelet_tools import KubeletTools, Sockets
from control.agents.pod_network import PodNetworkAsync
from control.agents.pod_worker import PodWorker, worker_key
from control.agents.service_links import ServiceLinks, Services
from control.agents.translate.pod import key_of, uid_of
from control.client.client import ApiClient
from control.client.clock import Clock, SystemClock
from control.client.events import EventRecorder
from control.client.informer import Informer
from control.client.lease import NodeLease
from control.workload.request import ContainerRecord
from control.workload.runtime import RuntimeFailed, ZygoteClient

Json = dict[str, Any]
log = logging.getLogger(__name__)


def remove_leftovers(ctx: NodeContext, wanted: set[str]) -> None:
    """Files of pods that went while no kubelet ran: directories and volumes by uid, logs by ``<namespace>_<name>_<uid>``."""
    for directory in (ctx.directory / "pods", ctx.memory, ctx.pod_logs):
        for place in directory.iterdir() if directory.is_dir() else ():
            if place.name.rpartition("_")[2] not in wanted:
                shutil.rmtree(place, ignore_errors=True)


class Kubelet:
    """Owns the pods of one node.

    pods: an Informer of the node's own pods (``spec.nodeName``), run by the caller. services: an Informer of all
    Services, for the variables that pods get; without it only those of ``kubernetes``.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (one place wires a node together)
        self,
        ctx: NodeContext,
        client: ApiClient,
        pods: Informer,
        network: PodNetworkAsync,
        gate: PolicyGate,
        sockets: Sockets,
        runtime: ZygoteClient,
        *,
        services: Services | None = None,
        clock: Clock | None = None,
        lease_s: float = 10.0,
    ) -> None:
        self._ctx, self._client, self._pods = ctx, client, pods
        self._runtime, self._network = runtime, network
        self._clock = clock or SystemClock()
        self._sockets = sockets
        capacity = machine_capacity(ctx.max_pods)
        self._events = EventRecorder(client, "kubelet", ctx.name, self._clock)
        self._node = NodeRegistration(ctx, client, self._clock, capacity, min(lease_s, 10.0))
        self._lease = NodeLease(
            client, ctx.name, self._clock, duration_s=max(int(lease_s * 4), 1), renew_s=lease_s
        )
        self._tools = KubeletTools(
            ctx=ctx,
            client=client,
            network=network,
            gate=gate,
            make_socket=sockets.socket,
            runtime=runtime,
            events=self._events,
            clock=self._clock,
            service_links=ServiceLinks(services, ctx.service_cidrs),
            capacity=capacity,
        )
        self._workers: dict[str, PodWorker] = {}
        self._group: asyncio.TaskGroup | None = None
        self._inherited = Inherited()
        self._lost = asyncio.Event()
        runtime.on_exit = self._exited
        runtime.on_lost = self._runtime_lost

    def worker(self, namespace: str, name: str) -> PodWorker | None:
        """The worker of a pod by name; None when no such pod runs here."""
        for worker in self._workers.values():
            if key_of(worker.pod) == f"{namespace}/{name}":
                return worker
        return None

    @property
    def workers(self) -> Mapping[str, PodWorker]:
        """All workers, by pod uid."""
        return self._workers

    @property
    def runtime(self) -> ZygoteClient:
        """For exec and attach."""
        return self._runtime

    async def run(self) -> None:
        """Until cancelled. Containers go on without it; the next kubelet takes them over."""
        await self._runtime.connect()
        await self._runtime.subscribe(self._ctx.name)
        server = KubeletServer(self._ctx, self, self._sockets)
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._node.run(), name="node")
            group.create_task(self._events.run(), name="events")
            group.create_task(self._reconnect(), name="zygote")
            group.create_task(server.run(), name="kubelet server")
            group.create_task(self._heartbeat(), name="lease")
            await self._pods.synced.wait()
            await self._take_over()
            self._pods.on_change(self._changed)

    async def _heartbeat(self) -> None:
        await self._node.registered.wait()
        await self._lease.run()

    async def _take_over(self) -> None:
        """What the zygote still runs of pods that are bound here goes on; all else goes away."""
        sandboxes, records = await self._runtime.inventory(self._ctx.name)
        wanted = {uid_of(pod) for pod in self._pods.items.values()}
        self._inherited.take(records)
        for sandbox in sandboxes:
            if sandbox.uid not in wanted:
                log.info("pod %s/%s is not wanted any more", sandbox.namespace, sandbox.name)
                await self._runtime.remove_pod(sandbox.uid)
        known = {sandbox.uid for sandbox in sandboxes}
        await pod_cgroup.end(self._ctx, pod_cgroup.uids(self._ctx) - (known & wanted))
        await self._network.gc(wanted)
        await asyncio.to_thread(remove_leftovers, self._ctx, wanted)

    def _changed(self, old: Json | None, new: Json | None) -> None:
        if old is not None and (new is None or uid_of(old) != uid_of(new)):
            worker = self._workers.get(worker_key(old))
            if worker is not None:
                worker.gone()
        if new is None:
            return
        worker = self._workers.get(worker_key(new))
        if worker is not None:
            worker.update(new)
            return
        assert self._group is not None
        uid = worker_key(new)
        worker = PodWorker(self._tools, new, self._inherited.of(uid))
        self._workers[uid] = worker
        self._group.create_task(self._work(uid, worker), name=f"pod {key_of(new)}")

    async def _work(self, uid: str, worker: PodWorker) -> None:
        try:
            await worker.run()
        except* Exception as group:
            log.exception("pod %s failed", key_of(worker.pod), exc_info=group)
        finally:
            self._workers.pop(uid, None)

    def _exited(self, record: ContainerRecord) -> None:
        worker = self._workers.get(record.uid)
        if worker is not None:
            worker.exited(record)
        else:
            self._inherited.exited(record)

    def _runtime_lost(self) -> None:
        log.warning("the zygote is gone")
        self._lost.set()

    async def _reconnect(self) -> None:
        """The next zygote found what the last one ran. What it does not know ends before anything else is started,
        so that no container runs twice; what nobody wants any more goes."""
        while True:
            await self._lost.wait()
            self._lost.clear()
            try:
                sandboxes, records = await self._runtime.reconnect(self._ctx.name)
            except RuntimeFailed as error:
                log.warning("%s", error)
                self._lost.set()
                continue
            known = {sandbox.uid for sandbox in sandboxes}
            await pod_cgroup.end(self._ctx, pod_cgroup.uids(self._ctx) - known)
            self._inherited.compare(records)
            for worker in list(self._workers.values()):
                worker.runtime_changed({record.id: record for record in records})
            self._runtime.resume()
            if not self._pods.synced.is_set():
                continue  # what is not wanted, the taking over will find
            wanted = {uid_of(pod) for pod in self._pods.items.values()} | set(self._workers)
            for uid in known - wanted:
                with suppress(RuntimeFailed):  # it died again, and the next round comes
                    await self._runtime.remove_pod(uid)
