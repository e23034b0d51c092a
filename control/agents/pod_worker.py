"""One pod on its node, from its sandbox to its last status: one task owns it all."""

import asyncio
import logging
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from control.agents.container_keeper import ContainerKeeper
from control.agents.ephemeral import EphemeralContainers, process_namespace_of
from control.agents.kubelet_errors import MountError, SandboxError
from control.agents.kubelet_tools import KubeletTools, rfc3339
from control.agents.last_words import message_file, read_message
from control.agents.pod_logs import log_directory
from control.agents.pod_sandbox import PodSandbox
from control.agents.pod_status import OWNED, PodFacts, sidecar_names, status_of
from control.agents.status_writer import StatusWriter
from control.agents.translate.pod import READY_ANNOTATION, ignored, key_of, uid_of
from control.client.client import ApiUnreachable
from control.client.resources import PODS
from control.errors import ApiError, Conflict, NotFound
from control.workload.request import ContainerRecord, ContainerRequest
from control.workload.runtime import RuntimeFailed

Json = dict[str, Any]
log = logging.getLogger(__name__)
_RETRY_FIRST_S, _RETRY_MOST_S = 0.5, 10.0
_REFRESH_S = 60.0


class PodWorker:
    """Owns one pod. ``run`` ends when nothing of the pod is left on the node."""

    def __init__(self, tools: KubeletTools, pod: Json, records: Sequence[ContainerRecord] = ()) -> None:
        self.tools = tools
        self.pod = pod
        self.stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._hurry = asyncio.Event()
        self._placed = asyncio.Event()
        """Set once what an agent before us left has been taken over; no status is written before."""
        self._tasks: asyncio.TaskGroup | None = None
        self._gone = False
        self._final = False
        self._failure: tuple[str, str] | None = None
        self._sandbox = PodSandbox(tools, pod)
        had = {s["name"]: s for s in _statuses(pod)}
        latest: dict[str, ContainerRecord] = {}
        for record in sorted(records, key=lambda record: record.attempt):
            latest[record.container] = record
        spec = pod["spec"]
        self.init, self.containers = (
            [ContainerKeeper(self, c, had=had.get(c["name"]), record=latest.get(c["name"])) for c in group]
            for group in (spec.get("initContainers") or [], spec["containers"])
        )
        self._ephemeral = EphemeralContainers(
            lambda c: ContainerKeeper(self, c, had=had.get(c["name"]), record=latest.get(c["name"]))
        )
        self._ephemeral.take(pod)
        self._adopted = bool(records) or any(status.get("containerID") for status in had.values())
        for keeper in self.containers:
            if self.init:
                keeper.wait_for("PodInitializing")
        status = pod.get("status") or {}
        self._start_time = status.get("startTime") or rfc3339(tools.clock.now())
        self._conditions = {c["type"]: c for c in status.get("conditions") or []}
        self._status = StatusWriter(tools, pod, self._compute)
        self._status.touch()

    # -- for keepers (Host) -------------------------------------------------------------------------------------

    @property
    def addresses(self) -> tuple[str, ...]:
        """The pod's, the primary first."""
        return self._sandbox.addresses

    async def prepare(self, container: Json, attempt: int) -> ContainerRequest:
        """See Host."""
        keepers = {keeper.name: keeper for keeper in self.keepers}
        shares = process_namespace_of(container, keepers)
        return replace(await self._sandbox.prepare(container, attempt), shares_pid_of=shares)

    @property
    def keepers(self) -> tuple[ContainerKeeper, ...]:
        """All its containers: init, main, ephemeral."""
        return (*self.init, *self.containers, *self._ephemeral.keepers)

    def open_netns(self) -> int:
        """See Host."""
        return self._sandbox.open_netns()

    def log_path(self, container: Json, attempt: int) -> Path:
        """``<pod logs>/<container>/<attempt>.log``."""
        meta = self.pod["metadata"]
        directory = log_directory(self.tools.ctx.pod_logs, meta["namespace"], meta["name"], meta["uid"])
        return directory / str(container["name"]) / f"{attempt}.log"

    def last_words(self, container: Json, attempt: int, code: int) -> str:
        """See Host."""
        place = message_file(self._sandbox.directory, container, attempt)
        return read_message(place, self.log_path(container, attempt), container, code)

    def changed(self, *, urgent: bool = True) -> None:
        """See Host."""
        self._status.touch(urgent=urgent)

    def event(
        self, kind: Literal["Normal", "Warning"], reason: str, message: str, container: Json | None = None
    ) -> None:
        """See Host. The object that it is about carries the container's field path, as upstream."""
        del container
        about = {"apiVersion": "v1", "kind": "Pod", "metadata": self.pod["metadata"]}
        self.tools.events.event(about, kind, reason, message)

    # -- what the kubelet tells it ------------------------------------------------------------------------------

    def update(self, pod: Json) -> None:
        """A newer version of the object came."""
        was, self.pod = self.pod, pod
        self._sandbox.update(pod)
        self._ephemeral.take(pod)
        if pod["metadata"].get("deletionTimestamp"):
            self._leave()
        if _told_unready(was) != _told_unready(pod) and self._tasks is not None:
            self._tasks.create_task(self._tell_stand_ins(), name=f"readiness of {key_of(pod)}")
        self._status.seen(was, pod)

    def gone(self) -> None:
        """The object was deleted without us (grace 0): end at once, tell nobody."""
        self._gone = True
        self._hurry.set()
        self._leave()

    def _leave(self) -> None:
        self._leaving.set()
        self.stopping.set()

    async def _tell_stand_ins(self) -> None:
        """The annotation changed: a stand-in answers its readiness path by it."""
        number = signal.SIGUSR1 if _told_unready(self.pod) else signal.SIGUSR2
        for keeper in self.keepers:
            if keeper.running and keeper.runs == "standin":
                try:
                    await self.tools.runtime.kill(keeper.container_id, number)
                except RuntimeFailed:  # it is just ending
                    continue

    def exited(self, record: ContainerRecord) -> None:
        """A container ended."""
        for keeper in self.keepers:
            keeper.exited(record)

    def runtime_changed(self, known: Mapping[str, ContainerRecord]) -> None:
        """Another zygote serves; ``known``: its containers, by id. What it does not know was ended."""
        for keeper in self.keepers:
            keeper.compare(known)

    def keeper(self, name: str) -> ContainerKeeper | None:
        """By container name; None when the pod has no such container."""
        for keeper in self.keepers:
            if keeper.name == name:
                return keeper
        return None

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From set-up to removal."""
        if self.pod["metadata"].get("deletionTimestamp"):
            self._leave()
        key = key_of(self.pod)
        async with asyncio.TaskGroup() as group:
            self._tasks = group
            side = [
                group.create_task(self._write_status(), name=f"status of {key}"),
                group.create_task(self._refresh(), name=f"volumes of {key}"),
                group.create_task(self._deadline(), name=f"deadline of {key}"),
            ]
            living = group.create_task(self._live(), name=f"life of {key}")
            await self.stopping.wait()
            await self._terminate(living)
            self._status.touch(urgent=True)
            await self._leaving.wait()
            self._tasks = None
            for task in side:
                task.cancel()
        await self._say_goodbye()

    async def _write_status(self) -> None:
        if self._adopted:
            await self._placed.wait()
        await self._status.run()

    async def _deadline(self) -> None:
        """activeDeadlineSeconds: the pod fails as a whole."""
        limit = self.pod["spec"].get("activeDeadlineSeconds")
        if limit is None:
            return
        began = datetime.fromisoformat(self._start_time)
        await self.tools.clock.sleep(float(limit) - (self.tools.clock.now() - began).total_seconds())
        if self._final:
            return
        words = "Pod was active on the node longer than the specified deadline"
        self._failure = ("DeadlineExceeded", words)
        self.event("Normal", "DeadlineExceeded", words)
        self.stopping.set()

    async def _live(self) -> None:
        if (self.pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
            for keeper in self.keepers:
                keeper.restore()
            await self._sandbox.tear_down()
            self._final = True
            self._placed.set()
            return
        if not await self._set_up():
            self._placed.set()
            return
        if self._adopted:
            for keeper in self.keepers:
                await keeper.take_over()
        else:
            for sentence in ignored(self.tools.ctx, self.pod):
                self.event("Warning", "NotSupported", sentence)
        self._placed.set()
        if self._tasks is not None:
            self._ephemeral.begin(self._tasks)
        policy = self.pod["spec"].get("restartPolicy", "Always")
        sidecars = sidecar_names(self.pod)
        async with asyncio.TaskGroup() as group:
            kept: list[asyncio.Task[int]] = []
            if not await self._initialize(group, kept, sidecars, policy):
                for task in kept:
                    task.cancel()
                return
            for keeper in self.containers:
                keeper.wait_for("ContainerCreating")
            codes = await asyncio.gather(*(keeper.keep(policy) for keeper in self.containers))
            log.debug("%s ended with %s", key_of(self.pod), codes)
            for keeper in self.init:
                if keeper.name in sidecars and not self.stopping.is_set():
                    await keeper.stop(self._grace())
            for task in kept:
                task.cancel()
        if not self.stopping.is_set():
            await self._finish()

    async def _finish(self) -> None:
        """The pod has ended by itself."""
        await self._ephemeral.stop(self._grace())
        await self._sandbox.tear_down()
        self._final = True
        self._status.touch(urgent=True)

    async def _initialize(
        self, group: asyncio.TaskGroup, kept: list["asyncio.Task[int]"], sidecars: set[str], policy: str
    ) -> bool:
        """Init containers, one after another; a sidecar has its turn when it has begun. False: do not go on."""
        under_way = any(k.container_id or k.attempt for k in self.containers) or (
            self._adopted and any(r for r in self.containers if r._record is not None)
        )
        for keeper in self.init:
            if keeper.name in sidecars:
                kept.append(group.create_task(keeper.keep("Always"), name=f"sidecar {keeper.name}"))
                begun = asyncio.ensure_future(keeper.begun.wait())
                stopping = asyncio.ensure_future(self.stopping.wait())
                await asyncio.wait({begun, stopping}, return_when=asyncio.FIRST_COMPLETED)
                begun.cancel()
                stopping.cancel()
            elif not under_way or keeper._record is not None:
                code = await keeper.keep("Never" if policy == "Never" else "OnFailure")
                if code and not self.stopping.is_set():
                    await self._finish()
                    return False
            if self.stopping.is_set():
                return False
        return True

    async def _set_up(self) -> bool:
        """Sandbox and volumes, tried until they are there; False when the pod stops first."""
        retry_s = _RETRY_FIRST_S
        while self._adopted or not self.stopping.is_set():  # what runs already is stopped in order
            try:
                if not self._sandbox.up:
                    await self._sandbox.set_up()
                    # Other nodes' policies know the pod by podIPs: tell them before its first packet.
                    self._status.touch(urgent=not self._adopted)
                await self._sandbox.mount()
                return True
            except (SandboxError, MountError) as error:
                if self._adopted and self.stopping.is_set():
                    # What runs has what it needs, and is only stopped: in a namespace that goes, say, its service
                    # account is gone before it, and no token can be had any more.
                    return True
                sandbox = isinstance(error, SandboxError)
                self.event("Warning", "FailedCreatePodSandBox" if sandbox else "FailedMount", str(error))
            except (RuntimeFailed, ApiUnreachable) as error:
                log.warning("%s: %s", key_of(self.pod), error)
            await self._pause(retry_s)
            retry_s = min(retry_s * 2, _RETRY_MOST_S)
        return False

    async def _pause(self, seconds: float) -> None:
        """So long, or until the pod is to stop; a pod that is stopping already waits in full, and does not spin."""
        if self.stopping.is_set():
            await self.tools.clock.sleep(seconds)
            return
        stopping = asyncio.ensure_future(self.stopping.wait())
        sleeping = asyncio.ensure_future(self.tools.clock.sleep(seconds))
        try:
            await asyncio.wait({stopping, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            sleeping.cancel()

    async def _refresh(self) -> None:
        while True:
            await self.tools.clock.sleep(_REFRESH_S)
            if self._sandbox.up:
                await self._sandbox.refresh()

    async def _terminate(self, living: "asyncio.Task[None]") -> None:
        """End every container within the grace, then take the place away."""
        if self._adopted:
            await self._placed.wait()
        every = (*self.containers, *self._ephemeral.keepers, *self.init)
        running = [keeper for keeper in every if keeper.running]
        for keeper in running:
            self.event("Normal", "Killing", f"Stopping container {keeper.name}", keeper.container)
        sidecars = sidecar_names(self.pod)
        grace = 1.0 if self._gone else self._grace()
        first = [keeper for keeper in running if keeper.name not in sidecars]
        await asyncio.gather(*(keeper.stop(grace, hurry=self._hurry) for keeper in first))
        last = [keeper for keeper in running if keeper.name in sidecars]
        for keeper in reversed(last):
            await keeper.stop(min(grace, 5.0), hurry=self._hurry)
        await self._ephemeral.stop(0.0)
        try:
            async with asyncio.timeout(5.0):
                await asyncio.shield(living)
        except TimeoutError:
            living.cancel()
        await self._sandbox.tear_down()
        self._final = True

    async def _say_goodbye(self) -> None:
        """The last status, then the object goes for good; files go in any case."""
        retry_s = _RETRY_FIRST_S
        meta = self.pod["metadata"]
        while not self._gone:
            try:
                if not await self._status.write():
                    break
                async with self.tools.lane:
                    await self.tools.client.delete(
                        PODS, meta["name"], meta["namespace"], grace_s=0, uid=meta["uid"]
                    )
                break
            except (NotFound, Conflict):
                break
            except (ApiError, ApiUnreachable) as error:
                log.info("%s: %s", key_of(self.pod), error)
                await self.tools.clock.sleep(retry_s)
                retry_s = min(retry_s * 2, _RETRY_MOST_S)
        await self._sandbox.discard()
        logs = log_directory(self.tools.ctx.pod_logs, meta["namespace"], meta["name"], meta["uid"])
        await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)

    def _grace(self) -> float:
        meta = self.pod["metadata"]
        if meta.get("deletionGracePeriodSeconds") is not None:
            return float(meta["deletionGracePeriodSeconds"])
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _compute(self) -> Json:
        status = status_of(
            PodFacts(
                pod=self.pod,
                init=[keeper.status(is_init=True) for keeper in self.init],
                containers=[keeper.status() for keeper in self.containers],
                ephemeral=self._ephemeral.statuses(),
                addresses=self.addresses,
                node_addresses=tuple(str(address) for address in self.tools.ctx.addresses),
                sandboxed=self._sandbox.up,
                final=self._final,
                start_time=self._start_time,
                failure=self._failure,
            ),
            self._conditions,
            rfc3339(self.tools.clock.now()),
        )
        self._conditions = {c["type"]: c for c in status["conditions"] if c["type"] in OWNED}
        return status


def _statuses(pod: Json) -> list[Json]:
    status = pod.get("status") or {}
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return [one for kind in kinds for one in status.get(kind) or ()]


def _told_unready(pod: Json) -> bool:
    return (pod["metadata"].get("annotations") or {}).get(READY_ANNOTATION) == "false"


def worker_key(pod: Json) -> str:
    """Workers are known by uid: a new pod of the same name is another pod."""
    return uid_of(pod)
