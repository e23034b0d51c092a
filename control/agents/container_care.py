"""What goes on beside a running container: postStart, then startup, readiness and liveness probes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from control.agents.container_host import Host, address_of
from control.agents.exec_io import run_command
from control.agents.lifecycle import HookFailed, run_hook
from control.agents.probe_io import Outcome, probe_exec, probe_grpc, probe_http, probe_tcp
from control.agents.probes import Kind, ProbeSpec, run_probe
from control.agents.translate.pod import probe_port

Json = dict[str, Any]


class ContainerCare:
    """Hooks and probes of one run of a container; ``run`` is cancelled when the run ends.

    begun: set once it has started (postStart done, startup probe passed). stop: ends the container within a
    grace in seconds, None for the pod's own.
    """

    def __init__(
        self,
        host: Host,
        container: Json,
        container_id: str,
        begun: asyncio.Event,
        stop: Callable[[float | None], Awaitable[None]],
    ) -> None:
        self._host = host
        self._container = container
        self._name: str = container["name"]
        self._container_id = container_id
        self._begun = begun
        self._stop = stop
        self._startup = ProbeSpec.of("Startup", container)
        self._readiness = ProbeSpec.of("Readiness", container)
        self._liveness = ProbeSpec.of("Liveness", container)
        self.ready = False
        """What its readiness probe says; True without one once it has begun."""

    async def run(self, *, hooks: bool) -> None:
        """All of it. hooks: False for a container that is taken over."""
        hook = (self._container.get("lifecycle") or {}).get("postStart")
        if hook and hooks and not await self._post_start(hook):
            return
        if not self._begun.is_set() and self._startup is not None:
            self._host.changed()
            await self._probe("Startup", self._startup)
        self._begun.set()
        self.ready = self.ready or self._readiness is None
        # With a readiness probe its first answer is due at once, and is told together with this.
        self._host.changed(urgent=self.ready)
        async with asyncio.TaskGroup() as group:
            if self._readiness is not None:
                group.create_task(
                    self._probe("Readiness", self._readiness), name=f"readiness of {self._name}"
                )
            if self._liveness is not None:
                group.create_task(self._probe("Liveness", self._liveness), name=f"liveness of {self._name}")

    async def _post_start(self, hook: Json) -> bool:
        host = self._host
        try:
            await run_hook(host.tools, self._container, hook, self._container_id, address_of(host))
        except HookFailed as error:
            host.event("Warning", "FailedPostStartHook", f"PostStartHook failed: {error}", self._container)
            host.event("Normal", "Killing", "FailedPostStartHook", self._container)
            await self._stop(None)
            return False
        return True

    async def _probe(self, kind: Kind, spec: ProbeSpec) -> None:
        """Ask in its rhythm; a failed startup or liveness probe ends the container."""
        failed = asyncio.Event()

        def tell(outcome: Outcome, changed: bool) -> None:  # noqa: FBT001 (a callback of run_probe)
            if not outcome.healthy:
                words = f"{kind} probe failed: {outcome.message}"
                self._host.event("Warning", "Unhealthy", words, self._container)
            if changed and kind == "Readiness":
                self.ready = outcome.healthy
                self._host.changed()
            elif changed and not outcome.healthy:
                failed.set()

        begin = {"Startup": None, "Readiness": self.ready, "Liveness": True}[kind]
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
        words = f"Container {self._name} failed {spec.kind.lower()} probe, will be restarted"
        self._host.event("Normal", "Killing", words, self._container)
        await self._stop(spec.grace_s)
        await asyncio.Event().wait()  # its end cancels this

    async def _check(self, spec: ProbeSpec) -> Outcome:
        action, tools = spec.action, self._host.tools
        if "exec" in action:
            command = tuple(action["exec"].get("command") or [])
            return await probe_exec(
                lambda argv, limit: run_command(tools.runtime, self._container_id, argv, limit),
                command,
                spec.timeout_s,
            )
        port = probe_port(self._container, action)
        host = (action.get("httpGet") or action.get("tcpSocket") or {}).get("host") or address_of(self._host)
        if port is None:
            return Outcome(healthy=False, message="the probe's port is not declared by the container")
        if "httpGet" in action:
            return await probe_http(tools.make_socket, host, port, action["httpGet"], spec.timeout_s)
        if "grpc" in action:
            service = action["grpc"].get("service") or ""
            return await probe_grpc(tools.make_socket, host, port, service, spec.timeout_s)
        return await probe_tcp(tools.make_socket, host, port, spec.timeout_s)
