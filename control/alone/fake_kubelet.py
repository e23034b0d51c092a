"""Pretended kubelets: pods that are bound to pretended nodes run, end and go, all of it only in the API."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from control.alone.fake_nodes import FakeNode
from control.alone.fake_status import Script, Stage, fake_status, script_of
from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.informer import Informer, object_key
from control.client.resources import PODS
from control.client.workqueue import WorkQueue
from control.errors import Conflict, NotFound

Json = dict[str, Any]
log = logging.getLogger(__name__)

WORKERS = 16
FULL_S = 1.0
"""How long a pod waits whose node has no address left."""


class FakeKubelet:
    """One for all pretended nodes."""

    def __init__(self, client: ApiClient, nodes: Sequence[FakeNode], clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._nodes = {node.name: node for node in nodes}
        self._addresses = Addresses(nodes)
        self._seen: dict[str, float] = {}
        self._doomed: dict[str, float] = {}
        self._pods = Informer(client, PODS, clock=clock)
        self._pods.on_change(self._changed)
        self._queue = WorkQueue(clock)
        self._controller = Controller("fake-kubelet", self._queue, self._reconcile)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pods.run(), name="pods")
            await self._pods.synced.wait()
            group.create_task(self._controller.run(WORKERS), name="fake kubelet")

    def _changed(self, old: Json | None, new: Json | None) -> None:
        pod = new or old
        if pod is None or pod["spec"].get("nodeName") not in self._nodes:
            return
        if new is None:
            uid = pod["metadata"]["uid"]
            self._addresses.release(uid)
            self._seen.pop(uid, None)
            self._doomed.pop(uid, None)
            return
        self._addresses.note(new)
        self._queue.add(object_key(new))

    async def _reconcile(self, key: str) -> float | None:
        pod = self._pods.items.get(key)
        if pod is None:
            return None
        try:
            script = script_of(pod)
        except ValueError as error:
            log.warning("pod %s: %s; it runs as if it had none", key, error)
            script = Script(None, 0.0, 0.0, ready=True)
        try:
            if pod["metadata"].get("deletionTimestamp"):
                return await self._stop(pod, script)
            return await self._keep(pod, script)
        except NotFound:
            return None  # gone meanwhile

    async def _stop(self, pod: Json, script: Script) -> float | None:
        """As a kubelet: the pod goes from the API when its containers have ended, at the latest after its grace."""
        meta, now = pod["metadata"], self._clock.monotonic()
        ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        grace_s = 0.0 if ended else min(script.stop_after_s, meta.get("deletionGracePeriodSeconds") or 0)
        left_s = self._doomed.setdefault(meta["uid"], now) + grace_s - now
        if left_s > 0:
            return left_s
        try:
            await self._client.delete(PODS, meta["name"], meta["namespace"], grace_s=0, uid=meta["uid"])
        except Conflict:
            return None  # another pod of that name by now
        return None

    async def _keep(self, pod: Json, script: Script) -> float | None:
        status, uid = pod.get("status") or {}, pod["metadata"]["uid"]
        if status.get("phase") in ("Succeeded", "Failed"):
            return None
        node = self._nodes[pod["spec"]["nodeName"]]
        address = self._addresses.of(pod, node)
        if address is None:
            return FULL_S
        now_s = self._clock.monotonic()
        running = status.get("phase") == "Running"
        left_s = 0.0
        if running and script.exit_code is not None:
            left_s = self._seen.setdefault(uid, now_s) + script.exit_after_s - now_s
        stage = Stage(
            address,
            str(node.address),
            script,
            ended=running and left_s <= 0,
            now=self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        want = fake_status(pod, stage)
        if want != status:
            await self._client.update(PODS, {**pod, "status": want}, subresource="status")
        return left_s if left_s > 0 else None


class Addresses:
    """Pods' addresses: who holds what, as the stored pods say."""

    def __init__(self, nodes: Sequence[FakeNode]) -> None:
        self._next = {node.name: 1 for node in nodes}
        self._held: dict[str, str] = {}
        self._used: set[str] = set()

    def note(self, pod: Json) -> None:
        """A pod that has its address already, from an earlier run."""
        address = (pod.get("status") or {}).get("podIP")
        if address and not pod["spec"].get("hostNetwork"):
            self._held[pod["metadata"]["uid"]] = address
            self._used.add(address)

    def of(self, pod: Json, node: FakeNode) -> str | None:
        """A pod's address, given at its first asking; None while its node has none left."""
        if pod["spec"].get("hostNetwork"):
            return str(node.address)
        uid = pod["metadata"]["uid"]
        if uid not in self._held:
            for _ in range(PER_NODE):
                number = self._next[node.name] = self._next[node.name] % PER_NODE + 1
                address = str(node.pods[number])
                if address not in self._used:
                    self._held[uid] = address
                    self._used.add(address)
                    break
        return self._held.get(uid)

    def release(self, uid: str) -> None:
        """The pod is gone."""
        self._used.discard(self._held.pop(uid, ""))


PER_NODE = 253
"""Addresses of a /24 that pods may have: not its first (the gateway's) and not its last."""
