"""One container of a pod over all its runs: start, hooks, probes, end, back-off, start again."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any, Literal, Protocol

from control.agents.exec_io import run_command
from control.agents.kubelet_errors import ConfigError
from control.agents.kubelet_tools import KubeletTools, rfc3339
from control.agents.lifecycle import BackOff, HookFailed, run_hook
from control.agents.pod_logs import LogWriter
from control.agents.probe_io import Outcome, probe_exec, probe_grpc, probe_http, probe_tcp
from control.agents.probes import Kind, ProbeSpec, run_probe
from control.agents.translate.pod import READY_ANNOTATION, probe_port
from control.workload.request import ContainerRecord, ContainerRequest
from control.workload.runtime import RuntimeFailed, RuntimeGone, Streams

Json = dict[str, Any]
_RETRY_S = 2.0
LOST = -1
"""Exit code in a record made up for a container that nobody can find."""


class Host(Protocol):
    """What a keeper needs of its pod's worker."""

    tools: KubeletTools
    pod: Json
    addresses: tuple[str, ...]
    stopping: asyncio.Event

    async def prepare(self, container: Json, attempt: int) -> ContainerRequest:
        """Environment, volumes, sandbox. Raises ConfigError, RuntimeGone."""

    def open_netns(self) -> int:
        """The pod's network namespace; the caller closes it."""

    def log_path(self, container: Json, attempt: int) -> Path:
        """Where a run's output goes."""

    def changed(self) -> None:
        """Something of the status has changed."""

    def event(self, kind: Literal["Normal", "Warning"], reason: str, message: str, container: Json) -> None:
        """An Event about the pod."""


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
        self._probe_ready = False
        self._specs = {kind: ProbeSpec.of(kind, container) for kind in ("Startup", "Readiness", "Liveness")}
        self._exit: asyncio.Future[ContainerRecord] | None = None
        self._early: ContainerRecord | None = None
        self._log: LogWriter | None = None
        self._streams: Streams | None = None
        self._backoff = BackOff()
        self._record = record
        self._had = had or {}

    # -- what others see ----------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return "running" in self.state

    @property
    def ready(self) -> bool:
        """As in its status. An annotation can take readiness away, at once and while it lasts."""
        if self._host.pod["metadata"].get("annotations", {}).get(READY_ANNOTATION) == "false":
            return False
        return self.running and self.begun.is_set() and self._probe_ready

    @property
    def log(self) -> LogWriter | None:
        """The present run's log while it runs."""
        return self._log

    @property
    def stdin(self) -> int | None:
        """The present run's standard input, when it declares one."""
        return self._streams.stdin if self._streams else None

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
        if self._record is None and not self.container_id:
            self.state = {"waiting": {"reason": reason}}

    def exited(self, record: ContainerRecord) -> None:
        """The zygote told of an end."""
        if record.id != self.container_id:
            return
        if self._exit is not None and not self._exit.done():
            self._exit.set_result(record)

    def lost(self) -> None:
        """The zygote is gone, and the container with it."""
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
        adopted = await self._adopt()
        while True:
            if not adopted:
                code = await self._start()
                if code is None:
                    if self._host.stopping.is_set():
                        return 1
                    continue
            if adopted or self.running:
                code = await self._watch(hooks=not adopted)
            adopted = False
            if self._host.stopping.is_set() or policy == "Never" or (policy == "OnFailure" and code == 0):
                return code
            if not await self._back_off():
                return code
            self.attempt += 1

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

    def _stop_signal(self) -> int:
        name = (self.container.get("lifecycle") or {}).get("stopSignal") or "SIGTERM"
        return getattr(signal, name, signal.SIGTERM)

    async def _adopt(self) -> bool:
        """Take over what an agent before us started. False when it has to be started."""
        record = self._record
        if record is None:
            if self._had.get("containerID") and "running" in (self._had.get("state") or {}):
                self._take_lost()
            return False
        loop = asyncio.get_running_loop()
        self.container_id, self.runs = record.id, record.runs
        self._exit = loop.create_future()
        self._open_log(await self._host.tools.runtime.streams(record.id))
        self.state = {"running": {"startedAt": rfc3339(record.started)}}
        if self._had.get("started") or self._specs["Startup"] is None:
            self.begun.set()
        self._probe_ready = bool(self._had.get("ready"))
        if record.exit_code is not None:
            self._exit.set_result(record)
        return True

    def _take_lost(self) -> None:
        """It ran when we last wrote its status, and is nowhere now."""
        self.last_state = {
            "terminated": {
                "exitCode": 137,
                "reason": "ContainerStatusUnknown",
                "message": "The container could not be located when the pod was terminated",
                "containerID": self._had["containerID"],
                "startedAt": self._had["state"]["running"].get("startedAt"),
                "finishedAt": rfc3339(self._host.tools.clock.now()),
            }
        }
        self.attempt += 1

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
        previous, self.container_id = self.container_id, request.id
        self._exit = asyncio.get_running_loop().create_future()
        netns = host.open_netns()
        began = time.time()
        try:
            handle = await tools.runtime.start(request, netns)
        except RuntimeGone:
            await self._pause(0.5)
            return None
        except RuntimeFailed as error:
            self._failed_to_start(began, str(error))
            return 128
        finally:
            os.close(netns)
            if previous:
                await self._forget(previous)
        self.runs = handle.record.runs
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
            host.event("Normal", "StandIn", words, container)
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
        async with asyncio.TaskGroup() as group:
            care = group.create_task(self._care(hooks=hooks), name=f"probes of {self.name}")
            record = await ended
            care.cancel()
        self.begun.clear()
        self._probe_ready = False
        if self._log is not None:
            await self._log.drained()
        if self._streams is not None and self._streams.stdin is not None:
            os.close(self._streams.stdin)
        self._streams = None
        code = 137 if record.exit_code == LOST or record.exit_code is None else record.exit_code
        self.state = {"terminated": self._terminated(record, code)}
        self._host.changed()
        return code

    def _terminated(self, record: ContainerRecord, code: int) -> Json:
        terminated: Json = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": rfc3339(record.started),
            "finishedAt": rfc3339(record.finished or record.started),
            "containerID": f"podwire://{record.id}",
        }
        if record.exit_code == LOST:
            terminated["reason"] = "ContainerStatusUnknown"
            terminated["message"] = "The container could not be located when the pod was terminated"
        return terminated

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

    # -- hooks and probes ---------------------------------------------------------------------------------------

    async def _care(self, *, hooks: bool) -> None:
        """All that goes on beside a running container; cancelled at its end."""
        hook = (self.container.get("lifecycle") or {}).get("postStart")
        if hook and hooks:
            try:
                await run_hook(self._host.tools, self.container, hook, self.container_id, self._address())
            except HookFailed as error:
                self._host.event(
                    "Warning", "FailedPostStartHook", f"PostStartHook failed: {error}", self.container
                )
                self._host.event("Normal", "Killing", "FailedPostStartHook", self.container)
                await self.stop(self._grace())
                return
        if not self.begun.is_set() and self._specs["Startup"] is not None:
            self._host.changed()
            await self._probe("Startup")
        self.begun.set()
        self._probe_ready = self._probe_ready or self._specs["Readiness"] is None
        async with asyncio.TaskGroup() as group:
            for kind in ("Readiness", "Liveness"):
                if self._specs[kind] is not None:
                    group.create_task(self._probe(kind), name=f"{kind} of {self.name}")
            if self._specs["Readiness"] is None or self._probe_ready:
                self._host.changed()

    async def _probe(self, kind: Kind) -> None:
        spec = self._specs[kind]
        assert spec is not None
        failed = asyncio.Event()

        def tell(outcome: Outcome, changed: bool) -> None:  # noqa: FBT001 (a callback of run_probe)
            if not outcome.healthy:
                words = f"{kind} probe failed: {outcome.message}"
                self._host.event("Warning", "Unhealthy", words, self.container)
            if not changed:
                return
            if kind == "Readiness":
                self._probe_ready = outcome.healthy
                self._host.changed()
            elif not outcome.healthy:
                failed.set()

        begin = self._probe_ready if kind == "Readiness" else (True if kind == "Liveness" else None)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(
                run_probe(spec, lambda: self._check(spec), self._host.tools.clock, tell, healthy=begin)
            )
            killing = group.create_task(self._kill_when(failed, spec))
            await asyncio.wait({asking, killing}, return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()
            killing.cancel()

    async def _kill_when(self, failed: asyncio.Event, spec: ProbeSpec) -> None:
        await failed.wait()
        words = f"Container {self.name} failed {spec.kind.lower()} probe, will be restarted"
        self._host.event("Normal", "Killing", words, self.container)
        await self.stop(spec.grace_s if spec.grace_s is not None else self._grace())
        await asyncio.Event().wait()  # its end cancels this

    async def _check(self, spec: ProbeSpec) -> Outcome:
        action, tools = spec.action, self._host.tools
        if "exec" in action:
            command = tuple(action["exec"].get("command") or [])
            return await probe_exec(
                lambda argv, limit: run_command(tools.runtime, self.container_id, argv, limit),
                command,
                spec.timeout_s,
            )
        port = probe_port(self.container, action)
        host = (action.get("httpGet") or action.get("tcpSocket") or {}).get("host") or self._address()
        if port is None:
            return Outcome(healthy=False, message="the probe's port is not declared by the container")
        if "httpGet" in action:
            return await probe_http(tools.make_socket, host, port, action["httpGet"], spec.timeout_s)
        if "grpc" in action:
            service = action["grpc"].get("service") or ""
            return await probe_grpc(tools.make_socket, host, port, service, spec.timeout_s)
        return await probe_tcp(tools.make_socket, host, port, spec.timeout_s)

    async def _pre_stop(self, hook: Json, grace_s: float) -> None:
        try:
            async with asyncio.timeout(grace_s):
                await run_hook(self._host.tools, self.container, hook, self.container_id, self._address())
        except (HookFailed, RuntimeFailed) as error:
            self._host.event("Warning", "FailedPreStopHook", f"PreStopHook failed: {error}", self.container)
        except TimeoutError:
            return

    def _address(self) -> str:
        return self._host.addresses[0] if self._host.addresses else "127.0.0.1"

    def _grace(self) -> float:
        return float(self._host.pod["spec"].get("terminationGracePeriodSeconds", 30))


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
    from control.workload.standin.plan import StandInPlan

    plan = StandInPlan.from_text(request.standin)
    return [f"{port}/TCP" for port in plan.tcp] + [f"{port}/UDP" for port in plan.udp]


def _seconds(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


def _go_duration(seconds: float) -> str:
    """As Go prints a duration: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
