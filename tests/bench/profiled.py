"""podwire with its processes observed: ``python -m tests.bench.profiled DIRECTORY COMMAND...``

The command line itself, but every process of the lab writes what it does into files of DIRECTORY: ``spans-PID.jsonl``
(named steps, with the clock that all processes share) and ``stacks-PID.txt`` (where its CPU time goes: one line of
names every 4 ms of CPU, by SIGPROF; 5 to 10 % slower). Nothing of it is in the product: its classes are wrapped in the
child that is about to become a role, when the supervisor has already loaded them.
"""

import atexit
import functools
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

SAMPLE_S, DEPTH = 0.004, 40

UP_STEPS = {
    "control.lab.up": (
        "preflight", "clear_kernel", "snapshot", "ensure_credentials", "_make", "wait_for_nodes", "wait_for_dns",
    ),
}  # fmt: skip
"""Functions of the command's own process, by module."""
ROLE_STEPS = {
    "agents-": {
        "control.agents.pod_network.PodNetworkAsync": ("add", "enable"),
        "control.agents.enforcer.Enforcer": ("admit",),
        "control.agents.pod_sandbox.PodSandbox": ("set_up", "ensure", "mount", "prepare"),
        "control.workload.runtime.ZygoteClient": ("start",),
        "control.agents.status_writer.StatusWriter": ("write",),
        "control.agents.container_care.ContainerCare": ("_check",),
        "control.client.client.ApiClient": ("request", "patch", "create", "get", "delete"),
        "control.client.events.EventRecorder": ("_write",),
        "dataplane.verdicts.nft_sync.NftVerdicts": ("apply", "sync"),
        "dataplane.services.nft_sync.NftServices": ("replace", "start"),
    },
    "api": {
        "control.api.server.ApiServer": ("__aenter__",),
        "control.api.bootstrap.Bootstrap": ("run",),
        "control.store.sqlite.SqliteStore": ("__aenter__",),
        "control.store.database.Database": ("_commit", "__init__"),
    },
    "controllers": {"control.client.client.ApiClient": ("request", "patch", "create", "get", "delete")},
}
"""Methods of a role's classes, by the beginning of the role's name."""


class Recorder:
    """One process's files. Each line is one write, so that nothing is lost when the process is killed."""

    def __init__(self, directory: Path, role: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.role = role
        self._spans = os.open(directory / f"spans-{os.getpid()}.jsonl", flags, 0o600)
        self._stacks = os.open(directory / f"stacks-{os.getpid()}.txt", flags, 0o600)

    def span(self, name: str, began: float, took: float) -> None:
        """A step: seconds of CLOCK_MONOTONIC at its beginning, and how long it took."""
        line = {"role": self.role, "step": name, "at": round(began, 6), "seconds": round(took, 6)}
        os.write(self._spans, json.dumps(line).encode() + b"\n")

    @contextmanager
    def timing(self, name: str) -> Any:
        """The step that the block is."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.span(name, began, time.monotonic() - began)

    def sample(self) -> None:
        """From now on, where this process's CPU time goes."""
        signal.signal(signal.SIGPROF, self._stack)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
        atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)  # an interpreter that ends has no handlers

    def _stack(self, _number: int, frame: FrameType | None) -> None:
        names: list[str] = []
        while frame is not None and len(names) < DEPTH:
            code = frame.f_code
            names.append(f"{frame.f_globals.get('__name__', '')}.{code.co_qualname}")
            frame = frame.f_back
        os.write(self._stacks, f"{self.role} {time.monotonic():.3f} {';'.join(names)}\n".encode())


def wrap(owner: Any, name: str, recorder: Recorder) -> None:
    """Time a function or a coroutine function of a module or class."""
    inner, label = getattr(owner, name), f"{owner.__name__.rpartition('.')[2]}.{name}"
    if _is_async(inner):

        @functools.wraps(inner)
        async def timed_async(*args: Any, **kwargs: Any) -> Any:
            with recorder.timing(label):
                return await inner(*args, **kwargs)

        setattr(owner, name, timed_async)
    else:

        @functools.wraps(inner)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with recorder.timing(label):
                return inner(*args, **kwargs)

        setattr(owner, name, timed)


def _is_async(inner: Callable[..., Any]) -> bool:
    return bool(getattr(inner, "__code__", None) and inner.__code__.co_flags & 0x80)  # CO_COROUTINE


def observe_roles(directory: Path) -> None:
    """Each role, once it is a process of its own, is wrapped and sampled."""
    from control.lab.supervisor import Supervisor

    become, run = Supervisor._become, Supervisor.run

    def supervise(self: Any) -> None:
        recorder, warm = Recorder(directory, "supervisor"), self.warm
        recorder.sample()

        def warm_timed() -> None:
            with recorder.timing("warm: imports"):
                warm()

        self.warm = warm_timed
        run(self)

    def observed(self: Any, running: Any, ready: int, parent: int) -> None:
        role = running.role.name
        recorder, forked = Recorder(directory, role), time.monotonic()
        for prefix, classes in ROLE_STEPS.items():
            for path, names in classes.items() if role.startswith(prefix) else ():
                module, _, kind = path.rpartition(".")
                for name in names:
                    wrap(getattr(importlib.import_module(module), kind), name, recorder)
        inner = running.role.run

        def run_and_tell(say: Callable[[], None]) -> None:
            if role != "zygote":
                recorder.sample()

            def told() -> None:
                recorder.span("fork to ready", forked, time.monotonic() - forked)
                say()

            inner(told)

        object.__setattr__(running.role, "run", run_and_tell)
        become(self, running, ready, parent)

    Supervisor.run, Supervisor._become = supervise, observed  # type: ignore[method-assign]


def main() -> None:
    """Be the command line."""
    directory = Path(sys.argv[1])
    recorder = Recorder(directory, "podwire")
    recorder.sample()
    with recorder.timing("imports of the command"):
        import control.lab.up  # noqa: F401
        from control.cli.main import main as podwire
    observe_roles(directory)
    for module, names in UP_STEPS.items():
        for name in names:
            wrap(importlib.import_module(module), name, recorder)
    sys.argv = ["podwire", *sys.argv[2:]]
    podwire()


if __name__ == "__main__":
    main()
