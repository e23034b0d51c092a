"""One container of a pod over all its runs: start, hooks, probes, end, back-off, start again."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from control.agents.container_care import ContainerCare
from control.agents.container_end import LOST, lost_end, lost_record, terminated_state
from control.agents.container_host import Host, address_of
from control.agents.kubelet_errors import ConfigError
from control.agents.kubelet_tools import rfc3339
from control.agents.lifecycle import BackOff, HookFailed, run_hook
from control.agents.pod_logs import LogWriter
from control.agents.translate.pod import READY_ANNOTATION
from control.workload.request import ContainerRecord, ContainerRequest
from control.workload.runtime import RuntimeFailed, RuntimeGone, Streams
from control.workload.standin.plan import StandInPlan

Json = dict[str, Any]
_RETRY_S = 2.0


class ContainerKeeper:
    """Owns one container. ``keep`` runs until its final end; ``stop`` brings that about."""

    def __init__(
        self, host: Host, container: Json, *, had: Json | None = None, record: ContainerRecord | None = None
    ) -> None:
        self._host = host
        self.container = container
        self.name: str = container["name"]
        self.state: Json = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Json = (had or {}).get("lastState") or {}
        self.attempt = record.attempt if record is not None else int((had or {}).get("restartCount", 0))
        self.container_id = ""
        self.runs = ""
        self.begun = asyncio.Event()
        """Set while it runs and its startup probe, if any, has passed."""
        self._care: ContainerCare | None = None
        self._exit: asyncio.Future[ContainerRecord] | None = None
        self._log: LogWriter | None = None
        self._streams: Streams | None = None
        self._backoff = BackOff()
        self._record = record
        self._had = had or {}
        self._taken_over = False
        self._doubted = ""

    # -- what others see ----------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return "running" in self.state

    @property
    def known(self) -> bool:
        """Whether it was ever started, by us or by an agent before us."""
        return bool(self._record is not None or self.container_id or self._had.get("containerID"))

    @property
    def ready(self) -> bool:
        """As in its status. An annotation can take readiness away, at once and while it lasts."""
        if self._host.pod["metadata"].get("annotations", {}).get(READY_ANNOTATION) == "false":
            return False
        if self._care is None:
            # Taken over, and its probes are about to begin: as it was told last.
            return self.running and self._taken_over and bool(self._had.get("ready"))
        return self.running and self.begun.is_set() and self._care.ready

    @property
    def log(self) -> LogWriter | None:
        """The present run's log while it runs."""
        return self._log

    @property
    def stdin(self) -> int | None:
        """The present run's standard input, when it declares one."""
        return self._streams.stdin if self._streams else None

    async def end_stdin(self, attempt: int) -> None:
        """Its standard input (no terminal) ends for good: the client that it was open for has left (stdinOnce)."""
        streams = self._streams
        if streams is None or streams.stdin is None or self.attempt != attempt:
            return
        self._streams = replace(streams, stdin=None)
        os.close(streams.stdin)
        try:
            await self._host.tools.runtime.end_stdin(self.container_id)
        except RuntimeFailed:  # it has just ended
            return

    def status(self, *, is_init: bool = False) -> Json:
        """Its part of the pod's status."""
        ended_well = self.state.get("terminated", {}).get("exitCode") == 0
        image = self.container.get("image", "")
        status: Json = {
            "name": self.name,
            "image": image,
            "imageID": f"podwire://{self.runs}/{image}" if self.runs else "",
            "ready": self.ready or (is_init and ended_well),
            "started": self.running and self.begun.is_set(),
            "restartCount": self.attempt,
            "state": self.state,
            "lastState": self.last_state,
        }
        if self.container_id:
            status["containerID"] = f"podwire://{self.container_id}"
        return status

    def wait_for(self, reason: str) -> None:
        """It has its turn later (PodInitializing)."""
        if not self.known:
            self.state = {"waiting": {"reason": reason}}

    def exited(self, record: ContainerRecord) -> None:
        """The zygote told of an end."""
        if not self.container_id and self._record is not None and self._record.id == record.id:
            self._record = record  # its taking over is still to come
        if record.id != self.container_id:
            return
        if self._exit is not None and not self._exit.done():
            self._exit.set_result(record)

    def compare(self, known: Mapping[str, ContainerRecord]) -> None:
        """Another zygote serves, which knows these by id: an end that was not heard is heard now."""
        ours = self.container_id or (self._record.id if self._record is not None else "")
        record = known.get(ours)
        if record is None:
            self.lost()
        elif record.exit_code is not None:
            self.exited(record)

    def lost(self) -> None:
        """No zygote knows the container any more, and it was ended: its exit code died with its parent."""
        if not self.container_id and self._record is not None and self._record.exit_code is None:
            self._record = lost_record(self._record)
        if not self.running:
            return  # a start that is under way is asked for again
        if self._exit is not None and not self._exit.done() and self.container_id:
            now = time.time()
            self._exit.set_result(
                ContainerRecord(
                    self.container_id, "", "", self.name, self.attempt, 0, self.runs, now, now, LOST, 0, ""
                )
            )

    # -- life ---------------------------------------------------------------------------------------------------

    async def keep(self, policy: str) -> int:
        """Run, and run again as ``policy`` (Always, OnFailure, Never) has it; returns the last exit code."""
        fresh = not self._taken_over
        code: int | None = self.state["terminated"]["exitCode"] if "terminated" in self.state else None
        while True:
            if code is None and fresh:
                code = await self._start()
                if code is None:
                    if self._host.stopping.is_set():
                        return 1
                    continue
            if self.running:
                code = await self._watch(hooks=fresh)
            fresh = True
            assert code is not None
            if self._host.stopping.is_set() or policy == "Never" or (policy == "OnFailure" and code == 0):
                return code
            if not await self._back_off():
                return code
            self.attempt += 1
            code = None

    async def stop(self, grace_s: float, *, hurry: asyncio.Event | None = None) -> None:
        """preStop, SIGTERM, and SIGKILL when the grace is over; returns when it has ended."""
        ended = self._exit
        if not self.running or ended is None:
            return
        until = time.monotonic() + grace_s
        hook = (self.container.get("lifecycle") or {}).get("preStop")
        if hook and grace_s > 0:
            await self._pre_stop(hook, grace_s)
        try:
            if grace_s > 0:
                await self._host.tools.runtime.kill(self.container_id, self._stop_signal())
                # A hook that took all the time leaves two seconds, as upstream.
                await _first(ended, max(until - time.monotonic(), 2.0), hurry)
            if not ended.done():
                await self._host.tools.runtime.kill(self.container_id, signal.SIGKILL)
            await asyncio.wait({ended}, timeout=10.0)
        except RuntimeFailed:
            return

    async def _stop_in(self, grace_s: float | None) -> None:
        """For probes and hooks: None is the pod's own grace."""
        if grace_s is None:
            grace_s = float(self._host.pod["spec"].get("terminationGracePeriodSeconds", 30))
        await self.stop(grace_s)

    def _stop_signal(self) -> int:
        name = (self.container.get("lifecycle") or {}).get("stopSignal") or "SIGTERM"
        return getattr(signal, name, signal.SIGTERM)

    async def take_over(self) -> None:
        """What an agent before us left: a running container, the end of one, or only word of it."""
        record = self._record
        if record is None:
            self.restore()
            if self.running:
                self.state = {"terminated": lost_end(self._had, self._host.tools.clock.now())}
            return
        self.container_id, self.runs = record.id, record.runs
        ended = self._exit = asyncio.get_running_loop().create_future()
        try:
            self._open_log(await self._host.tools.runtime.streams(record.id))
        except RuntimeFailed:  # the zygote died meanwhile
            record = lost_record(record) if record.exit_code is None else record
        self.state = {"running": {"startedAt": rfc3339(record.started)}}
        self._taken_over = True
        if self._had.get("started"):
            self.begun.set()
        if record.exit_code is not None and not ended.done():
            ended.set_result(record)

    def restore(self) -> None:
        """Its state as it was told last."""
        if self._had.get("state"):
            self.state = self._had["state"]
            self.container_id = str(self._had.get("containerID", "")).removeprefix("podwire://")
            self.runs = str(self._had.get("imageID", "")).removeprefix("podwire://").split("/")[0]

    async def _start(self) -> int | None:
        """Start it. Returns 0 when it runs, an exit code when its command can't, None when nothing came of it."""
        host, tools = self._host, self._host.tools
        try:
            request = await host.prepare(self.container, self.attempt)
        except ConfigError as error:
            self._wait("CreateContainerConfigError", str(error))
            host.event("Warning", "Failed", f"Error: {error}", self.container)
            await self._pause(_RETRY_S)
            return None
        except RuntimeGone:
            await self._pause(0.5)
            return None
        if self._doubted:  # it may run: asked for again by its id, it is not started twice
            request = replace(request, id=self._doubted)
        previous, self.container_id = self.container_id, request.id
        self._exit = asyncio.get_running_loop().create_future()
        netns = host.open_netns()
        began = time.time()
        try:
            handle = await tools.runtime.start(request, netns)
        except RuntimeGone:
            self._doubted, previous = request.id, ""
            await self._pause(0.5)
            return None
        except RuntimeFailed as error:
            self._doubted = ""
            self._failed_to_start(began, str(error))
            return 128
        finally:
            os.close(netns)
            if previous not in {"", request.id}:
                await self._forget(previous)
        self._doubted, self.runs = "", handle.record.runs
        if handle.record.exit_code is not None and not self._exit.done():
            self._exit.set_result(handle.record)  # ended before it was asked for again
        self._open_log(handle.streams)
        self.state = {"running": {"startedAt": rfc3339(handle.record.started)}}
        self._tell_start(request)
        return 0

    async def _forget(self, container_id: str) -> None:
        try:
            await self._host.tools.runtime.remove(container_id)
        except RuntimeFailed:  # it never ran, or its zygote is gone
            return

    def _tell_start(self, request: ContainerRequest) -> None:
        host, container = self._host, self.container
        if self.runs == "standin":
            command = container.get("command")
            why = f"{command[0]} is not on this machine and no image" if command else "no image"
            ports = ", ".join(_listening(request)) or "no port"
            words = f"{why} is pulled: a stand-in for {container.get('image', '')} listens on {ports}"
            host.event("Normal", "StandIn", f"Container started: {self.name}: {words}", container)
        else:
            host.event("Normal", "Created", f"Container created: {self.name}", container)
            host.event("Normal", "Started", f"Container started: {self.name}", container)

    def _failed_to_start(self, began: float, message: str) -> None:
        self.state = {
            "terminated": {
                "exitCode": 128,
                "reason": "StartError",
                "message": message,
                "startedAt": "1970-01-01T00:00:00Z",
                "finishedAt": rfc3339(began),
                "containerID": f"podwire://{self.container_id}",
            }
        }
        self._host.event("Warning", "Failed", f"Error: {message}", self.container)
        self._host.changed()

    def _open_log(self, streams: Streams) -> None:
        self._streams = streams
        self._log = LogWriter(self._host.log_path(self.container, self.attempt))
        self._log.follow(os.dup(streams.stdout) if streams.stderr is None else streams.stdout, "stdout")
        if streams.stderr is not None:
            self._log.follow(streams.stderr, "stderr")

    async def _watch(self, *, hooks: bool) -> int:
        """From running to ended, with hooks and probes in between; returns the exit code."""
        ended = self._exit
        assert ended is not None
        care = ContainerCare(self._host, self.container, self.container_id, self.begun, self._stop_in)
        care.ready = not hooks and bool(self._had.get("ready"))
        self._care = care
        async with asyncio.TaskGroup() as group:
            caring = group.create_task(care.run(hooks=hooks), name=f"probes of {self.name}")
            record = await ended
            caring.cancel()
        self.begun.clear()
        self._care, self._taken_over = None, False
        if self._log is not None:
            await self._log.drained()
        if self._streams is not None and self._streams.stdin is not None:
            os.close(self._streams.stdin)
        self._streams = None
        code = 137 if record.exit_code == LOST or record.exit_code is None else record.exit_code
        terminated = terminated_state(record, code)
        message = self._host.last_words(self.container, self.attempt, code)
        if message:
            terminated["message"] = message
        self.state = {"terminated": terminated}
        self._host.changed()
        return code

    async def _back_off(self) -> bool:
        """Wait before the next run; False when the pod stops meanwhile."""
        terminated = self.state["terminated"]
        ran_s = 0.0
        if terminated["reason"] != "StartError":
            ran_s = _seconds(terminated["finishedAt"]) - _seconds(terminated["startedAt"])
        wait_s = self._backoff.ended(ran_s)
        self.last_state = self.state
        if wait_s:
            meta = self._host.pod["metadata"]
            where = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
            words = f"back-off {_go_duration(wait_s)} restarting failed container={self.name} pod={where}"
            self._wait("CrashLoopBackOff", words)
            words = f"Back-off restarting failed container {self.name} in pod {where}"
            self._host.event("Warning", "BackOff", words, self.container)
            await self._pause(wait_s)
        return not self._host.stopping.is_set()

    def _wait(self, reason: str, message: str = "") -> None:
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self._host.changed()

    async def _pause(self, seconds: float) -> None:
        """Sleep on the clock, unless the pod stops first."""
        sleeping = asyncio.ensure_future(self._host.tools.clock.sleep(seconds))
        stopping = asyncio.ensure_future(self._host.stopping.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()

    async def _pre_stop(self, hook: Json, grace_s: float) -> None:
        try:
            async with asyncio.timeout(grace_s):
                await run_hook(
                    self._host.tools, self.container, hook, self.container_id, address_of(self._host)
                )
        except (HookFailed, RuntimeFailed) as error:
            self._host.event("Warning", "FailedPreStopHook", f"PreStopHook failed: {error}", self.container)
        except TimeoutError:
            return


async def _first(
    ended: "asyncio.Future[ContainerRecord]", seconds: float, hurry: asyncio.Event | None
) -> None:
    """Until the end, the deadline or the hurry, whichever is first."""
    waits: set[asyncio.Future[Any]] = {ended}
    hurried = asyncio.ensure_future(hurry.wait()) if hurry is not None else None
    if hurried is not None:
        waits.add(hurried)
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if hurried is not None:
        hurried.cancel()


def _listening(request: ContainerRequest) -> list[str]:
    plan = StandInPlan.from_text(request.standin)
    return [f"{port}/TCP" for port in plan.tcp] + [f"{port}/UDP" for port in plan.udp]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _go_duration(seconds: float) -> str:
    """As Go prints a duration: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
