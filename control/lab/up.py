"""Brings a lab up: checks, directory, supervisor, and the wait until it answers; undone when it fails."""

import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from control.errors import LabDiffers, LabStopped, NameInUse, OtherVersion, PortTaken, StartFailed
from control.lab.credentials import ensure_credentials
from control.lab.directory import Caller, LabDirectory, write_private
from control.lab.down import clear_kernel, take_down
from control.lab.memory import mount_memory
from control.lab.plan import LabPlan, make_plan
from control.lab.preflight import Checked, preflight
from control.lab.process import log_to
from control.lab.ready import wait_for_dns, wait_for_nodes
from control.lab.spec import LabSpec, default_nodes
from control.lab.spec_json import as_json, from_json
from control.lab.supervisor import Role, Supervisor, ask
from control.workload.descriptor_store import DescriptorStore
from dataplane.host.cgroup import LabCgroup, is_marked
from dataplane.host.limits import raise_open_files
from dataplane.host.untouched import snapshot
from dataplane.patience import patient
from podwire import __version__

PATIENCE_S = 60.0
MOST_RESTARTS = 3
_LOGS = "read the logs that are kept, named above"


class Steps(Protocol):
    """Who is told how far `up` is."""

    def doing(self, what: str) -> None:
        """A step begins."""

    def done(self, what: str, result: str, seconds: float) -> None:
        """A step ended."""

    def note(self, text: str) -> None:
        """A line beside the steps."""


@dataclass(frozen=True, slots=True)
class UpLab:
    """A lab that is up. api_port: on loopback. seconds: from the call to the first DNS answer."""

    plan: LabPlan
    directory: LabDirectory
    checked: Checked
    api_port: int
    seconds: float
    was_running: bool


def up(name: str, spec: LabSpec | None, steps: Steps) -> UpLab:
    """Bring lab ``name`` up, or converge a running one. spec None: as it was, else the default lab.

    Raises LabError, UsageError, KernelError; then what was made is removed, unless the lab was there before.
    """
    began = time.monotonic()
    directory = LabDirectory.of(name)
    _be_found(name)
    with directory.locked("up"):
        stored = directory.read() if directory.exists() else {}
        running = ask(directory) is not None if stored else False
        spec = _settled_spec(directory, stored, spec, running=running)
        checked = preflight(spec)
        steps.note(f"podwire {__version__} · {checked.capabilities.summary()}\n")
        plan = make_plan(name, spec, ipv6=checked.ipv6)
        if running:
            from control.lab.nodes import complete  # its HTTP client takes 0.3 s to load

            _heal(directory, steps)
            complete(plan, directory)
            _let_agents_compare(directory)
            port = int(stored["apiPort"])
            _wait_until_it_answers(plan, directory, port, steps, began)
            _finish_removals(plan, directory, port)
            _make_faults(plan, directory, port, steps)
            return UpLab(plan, directory, checked, port, time.monotonic() - began, was_running=True)
        fresh = not stored
        if fresh:
            _refuse_anothers(directory)
        try:
            port = _make(plan, directory, stored, steps)
            _wait_until_it_answers(plan, directory, port, steps, time.monotonic())
            _finish_removals(plan, directory, port)
            _make_faults(plan, directory, port, steps)
        except BaseException:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not stop the clearing
            try:
                steps.note(f"removing what was made; the logs are kept in {_keep_logs(directory)}")
            finally:
                if fresh:
                    take_down(directory)
                else:
                    clear_kernel(directory)
            raise
        return UpLab(plan, directory, checked, port, time.monotonic() - began, was_running=False)


def _be_found(lab: str) -> None:
    """Where a lab's processes are found by their environment: start again with it, as a fork inherits the first."""
    if is_marked(lab) and os.environ.get("PODWIRE_LAB") != lab:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PODWIRE_LAB": lab})  # noqa: S606 (ourselves)


def _finish_removals(plan: LabPlan, directory: LabDirectory, port: int) -> None:
    """What a killed `node remove` left in the API and on the machine."""
    if directory.read().get("leaving"):
        from control.lab.nodes import finish_removals  # its HTTP client takes 0.3 s to load

        finish_removals(plan, directory, port)


def _heal(directory: LabDirectory, steps: Steps) -> None:
    """The faults that are in force go first: `up` mends."""
    if directory.faults.exists():
        from control.lab.fault_book import heal_all  # as above: pyroute2

        for entry in heal_all(directory):
            steps.note(f"  healed: {entry.fault}")


def _make_faults(plan: LabPlan, directory: LabDirectory, port: int, steps: Steps) -> None:
    """The faults of lab.yaml, last of all: the lab is whole before."""
    for fault in plan.spec.faults:
        from control.lab.fault_book import make
        from control.lab.fault_plan import Ground

        steps.note(f"  fault: {make(fault, Ground(plan, directory, port)).fault}")


def _let_agents_compare(directory: LabDirectory) -> None:
    """Every node's agents read their kernel and mend what differs from the API."""
    report = ask(directory)
    for role in report["roles"] if report else []:
        if role["name"].startswith("agents-") and role["state"] == "ready":
            os.kill(
                role["pid"], signal.SIGUSR1
            )  # control.agents.main.COMPARE_SIGNAL, not imported: it is heavy


def _refuse_anothers(directory: LabDirectory) -> None:
    """NameInUse when processes of that name run which this directory knows nothing of; HomeInvalid for a directory
    of somebody else's. Nothing was touched yet."""
    directory.refuse_foreign()
    if LabCgroup(directory.name).populated():
        raise NameInUse(
            f"Processes of a lab {directory.name} run already, and {directory.root} knows nothing of it: it was "
            "made with another PODWIRE_HOME, or its directory was removed.",
            f"another --name, or sudo podwire down --name {directory.name}",
        )


def stored_plan(directory: LabDirectory) -> tuple[LabPlan, int]:
    """The plan of a lab that is there, from its directory, and its API's port."""
    stored = directory.must_exist().read()
    if not stored:
        raise LabStopped(
            f"Lab {directory.name} was never brought up whole.", f"sudo podwire up --name {directory.name}"
        )
    return make_plan(directory.name, _spec_of(directory, stored), ipv6=stored["ipv6"]), int(stored["apiPort"])


def _spec_of(directory: LabDirectory, stored: dict[str, Any]) -> LabSpec:
    """The spec in a lab's directory; OtherVersion when it can't be understood."""
    try:
        return from_json(stored["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise OtherVersion(
            f"Lab {directory.name} was made by another version of podwire.",
            f"sudo podwire down --name {directory.name}   and up again",
        ) from error


def _settled_spec(
    directory: LabDirectory, stored: dict[str, Any], asked: LabSpec | None, *, running: bool
) -> LabSpec:
    if not stored:
        return asked or LabSpec(nodes=default_nodes(2))
    was = _spec_of(directory, stored)
    if asked is None or asked == was:
        return was
    differs = [key for key, value in asdict(asked).items() if value != asdict(was)[key]]
    state = "runs" if running else "is there"
    raise LabDiffers(
        f"Lab {directory.name} {state} and was made from another lab.yaml: {', '.join(differs)} differ.",
        f"sudo podwire down --name {directory.name}   first, or another --name",
    )


def _make(plan: LabPlan, directory: LabDirectory, stored: dict[str, Any], steps: Steps) -> int:
    """Directory, credentials, supervisor; returns the API's port once all roles are ready."""
    began = time.monotonic()
    clear_kernel(directory)
    before = snapshot()
    caller = directory.owner() if stored else Caller.current()
    directory.create(caller)
    write_private(directory.machine_before, json.dumps(before.as_json()), caller)
    port = _api_port(stored)
    ensure_credentials(plan, directory, port)
    directory.write(
        {
            "spec": as_json(plan.spec),
            "ipv6": len(plan.families) > 1,
            "apiPort": port,
            "home": str(directory.root.parent),
            "leaving": stored.get("leaving") or [],
        }
    )
    cgroup = LabCgroup(plan.name)
    cgroup.create()
    mount_memory(directory)
    steps.doing("supervisor")
    read, write = os.pipe2(os.O_CLOEXEC)
    with cgroup.visiting("roles"):  # so that not even an instant's supervisor can be missed
        _fork_supervisor(lambda: _supervise(plan, directory, cgroup, port, write), keep=write)
    os.close(write)
    _follow(read, plan, directory, steps, began)
    return port


def _api_port(stored: dict[str, Any]) -> int:
    """A free port on loopback; the same one as before when the lab had one."""
    wanted = int(stored.get("apiPort", 0))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise PortTaken(
                f"Port {wanted} on 127.0.0.1, which this lab's kubeconfig names, is taken.",
                f"end the program that listens there: ss -ltnp sport = :{wanted}",
            ) from error
        port: int = probe.getsockname()[1]
        return port


def _fork_supervisor(run: Callable[[], None], *, keep: int) -> None:
    """Fork twice, so that nobody waits for the supervisor; the grandchild runs and never returns.

    It keeps one descriptor beside the standard ones: the lock's above all must be `up`'s alone, or a lab whose
    `up` was killed stays locked as long as it lives.
    """
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                for descriptor in map(int, os.listdir("/proc/self/fd")):
                    if descriptor > 2 and descriptor != keep:
                        with suppress(OSError):  # the one that listed them
                            os.close(descriptor)
                run()
        except BaseException:  # noqa: BLE001 (the border of a process)
            traceback.print_exc()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _supervise(plan: LabPlan, directory: LabDirectory, cgroup: LabCgroup, port: int, report: int) -> None:
    """What the supervisor's process does."""
    from control.lab.roles import all_roles, warm

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to(directory.logs / "supervisor.log")
    os.chdir("/")
    raise_open_files()

    store = DescriptorStore()

    def roles_now() -> tuple[Role, ...]:
        now, _port = stored_plan(directory)
        return all_roles(now, directory, cgroup, port, store)

    Supervisor(
        directory, all_roles(plan, directory, cgroup, port, store), warm, report, roles_now, store
    ).run()


def _follow(read: int, plan: LabPlan, directory: LabDirectory, steps: Steps, began: float) -> None:
    """Read the supervisor's report until all roles are ready; StartFailed names the role that ended."""
    within_s = patient(PATIENCE_S)
    deadline = began + within_s
    told = _Told(plan, steps, began)
    with os.fdopen(read, "rb", buffering=0) as report, selectors.DefaultSelector() as selector:
        selector.register(report, selectors.EVENT_READ)
        rest = b""
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise StartFailed(f"Not up after {within_s:g} s: waits for {told.missing()}.", _LOGS)
            chunk = report.read(65536)
            if not chunk:
                raise StartFailed(f"The supervisor ended.{_tail(directory.logs / 'supervisor.log')}", _LOGS)
            *lines, rest = (rest + chunk).split(b"\n")
            for message in map(json.loads, lines):
                if message.get("restarts", 0) >= MOST_RESTARTS:
                    raise _role_failed(directory, message["ended"])
                if message.get("all"):
                    return
                if "ready" in message:
                    told.ready(message["ready"])


class _Told:
    """Turns roles that are ready into the steps that a person sees."""

    def __init__(self, plan: LabPlan, steps: Steps, began: float) -> None:
        nodes = len(plan.fabric.nodes)
        overlay = "VXLAN" if plan.spec.overlay == "vxlan" else "routes"
        self.steps, self.began = steps, began
        self.groups: list[tuple[str, set[str]]] = [
            (f"{nodes} nodes: namespaces, bridges, {overlay}", {"fabric"}),
            ("store, API server, controllers, scheduler", {"api", "controllers"}),
            ("kubelets, proxies, policy enforcers", {f"agents-{node.name}" for node in plan.fabric.nodes}),
        ]

    def ready(self, role: str) -> None:
        for what, roles in self.groups:
            if role in roles:
                roles.discard(role)
                if not roles:
                    self.steps.done(what, "up", time.monotonic() - self.began)

    def missing(self) -> str:
        return ", ".join(sorted(role for _, roles in self.groups for role in roles)) or "the last roles"


def _wait_until_it_answers(
    plan: LabPlan, directory: LabDirectory, port: int, steps: Steps, began: float
) -> None:
    def check() -> None:
        report = ask(directory)
        for role in report["roles"] if report else []:
            if role["restarts"] >= MOST_RESTARTS and role["state"] != "ready":
                raise _role_failed(directory, role["name"])
        if report is None:
            raise StartFailed(f"The supervisor ended.{_tail(directory.logs / 'supervisor.log')}", _LOGS)

    within_s = patient(PATIENCE_S)
    steps.doing("nodes Ready")
    wait_for_nodes(directory, port, tuple(node.name for node in plan.fabric.nodes), within_s, check)
    steps.doing("DNS answers kubernetes.default")
    wait_for_dns(plan, within_s, check)
    steps.done("nodes Ready, DNS answers kubernetes.default", "yes", time.monotonic() - began)


def _role_failed(directory: LabDirectory, role: str) -> StartFailed:
    return StartFailed(f"{role} ended {MOST_RESTARTS} times.{_tail(directory.logs / f'{role}.log')}", _LOGS)


def _tail(path: Path) -> str:
    try:
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return "\n" + "\n".join(f"  {path.stem}: {line}" for line in lines[-4:]) if lines else ""


def _keep_logs(directory: LabDirectory) -> Path:
    """Copy the logs beside the lab that is about to go, for the person to read."""
    kept = Path(tempfile.mkdtemp(prefix=f"podwire-{directory.name}-logs-"))
    if directory.logs.is_dir():
        shutil.copytree(directory.logs, kept, symlinks=True, dirs_exist_ok=True)
        owner = directory.owner()
        for path in (kept, *kept.rglob("*")):
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    return kept
