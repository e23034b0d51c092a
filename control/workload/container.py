"""What a container's process does between the fork and its work: namespaces, root, user, then exec or stand-in."""

import _signal  # type: ignore[import-not-found]  # no stub for the C module
import importlib
import json
import os
import pwd
import signal
import socket
import sys
import termios
from dataclasses import dataclass
from fcntl import ioctl
from typing import Any, NoReturn

from control.workload.machine import Machine, capability_numbers
from control.workload.request import ContainerRequest, ExecRequest
from control.workload.standin import main as standin
from dataplane.errors import KernelError
from dataplane.host import process, seccomp
from dataplane.host.container_root import ContainerRoot, VolumeMount, enter
from dataplane.host.marked import VARIABLE

START_ERROR_CODE = 128
_CAUGHT = tuple(
    int(n) for n in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGHUP)
)
# The C module below ``signal``: its enums would cost each stand-in 200 kB of copied pages.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What the child keeps open. status: CLOEXEC; its end without a word means that the command runs.

    console: a unix socket that gets the master of a terminal which the child makes on its own /dev/pts.
    """

    stdin: int
    stdout: int
    stderr: int
    status: int
    cgroup: int
    console: int | None = None


@dataclass(frozen=True, slots=True)
class PodNamespaces:
    """The sandbox that a container joins, by descriptor."""

    net: int
    uts: int
    ipc: int


def run_container(
    request: ContainerRequest, machine: Machine, namespaces: PodNamespaces, descriptors: Descriptors
) -> NoReturn:
    """Become the container. Called in the forked child, which is the first of its PID namespace; never returns."""
    status = descriptors.status
    try:
        status = _take_descriptors(descriptors, (namespaces.net, namespaces.uts, namespaces.ipc))
        for descriptor in (namespaces.net, namespaces.uts, namespaces.ipc):
            process.setns(descriptor, 0)
            os.close(descriptor)
        enter(_root(request, machine))
        process.set_name(request.container)
        if descriptors.console is not None:
            _open_terminal(descriptors.console, request)
        environment = _environment(request)
        path = None
        if not request.module and request.argv:
            path = find_command(request.argv[0], environment.get("PATH", DEFAULT_PATH), request.cwd)
            if path is None and request.known_base:
                raise CommandMissing(missing_message(request.argv[0]))
        os.makedirs(request.cwd, exist_ok=True)
        os.chdir(request.cwd)
        _become(request, machine)
        if path is not None:
            os.execve(path, list(request.argv), environment)  # noqa: S606 (that is what a container is)
        _run_our_code(request, environment, status)
    except (KernelError, CommandMissing, OSError, MemoryError) as error:
        _report(status, {"error": _sentence(error, request.argv)})
    except BaseException as error:  # noqa: BLE001 (the border of a process: nothing above could tell anyone)
        _report(status, {"error": f"{type(error).__name__}: {error}"})
    os._exit(START_ERROR_CODE)


class CommandMissing(Exception):
    """The command is not among the machine's files."""


def missing_message(command: str) -> str:
    """As runc says it, through containerd."""
    where = ": no such file or directory" if "/" in command else ": executable file not found in $PATH"
    if "/" in command:
        return (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
            f'failed: unable to start container process: exec: "{command}": stat {command}{where}'
        )
    return (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        f'unable to start container process: exec: "{command}"{where}'
    )


def find_command(command: str, path: str, cwd: str) -> str | None:
    """The file that the command names, as execvp looks for it, in the present root."""
    if "/" in command:
        place = command if command.startswith("/") else f"{cwd}/{command}"
        return place if os.access(place, os.X_OK) and not os.path.isdir(place) else None
    for directory in path.split(":"):
        place = f"{directory or '.'}/{command}"
        if os.access(place, os.X_OK) and not os.path.isdir(place):
            return place
    return None


def run_exec(
    request: ExecRequest, container: ContainerRequest, machine: Machine, pidfd: int, descriptors: Descriptors
) -> NoReturn:
    """Become a command inside a running container. Called in a child that is in its PID namespace already."""
    status = descriptors.status
    try:
        status = _take_descriptors(descriptors, (pidfd,))
        flags = process.CLONE_NEWNS | process.CLONE_NEWUTS | process.CLONE_NEWIPC | process.CLONE_NEWNET
        process.setns(pidfd, flags)
        os.close(pidfd)
        if descriptors.console is not None:
            _open_terminal(descriptors.console, container)
        environment = _environment(container)
        if request.tty:
            environment["TERM"] = "xterm"
        path = find_command(request.argv[0], environment.get("PATH", DEFAULT_PATH), container.cwd)
        if path is None:
            raise CommandMissing(exec_missing_message(request.argv[0]))
        os.chdir(container.cwd)
        _become(container, machine)
        os.execve(path, list(request.argv), environment)  # noqa: S606 (the command asked for)
    except (KernelError, CommandMissing, OSError, IndexError) as error:
        _report(status, {"error": _sentence(error, request.argv)})
    except BaseException as error:  # noqa: BLE001 (the border of a process)
        _report(status, {"error": f"{type(error).__name__}: {error}"})
    os._exit(126)


def exec_missing_message(command: str) -> str:
    """As runc says it when an exec's command is missing."""
    reason = "no such file or directory" if "/" in command else "executable file not found in $PATH"
    return (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        f'exec: "{command}": {f"stat {command}: " if "/" in command else ""}{reason}: unknown'
    )


def _sentence(error: BaseException, argv: tuple[str, ...]) -> str:
    if isinstance(error, OSError) and error.strerror and argv:
        return f'exec: "{argv[0]}": {error.strerror.lower()}'
    return str(error)


def _take_descriptors(wanted: Descriptors, others: tuple[int, ...]) -> int:
    """Standard descriptors in place, everything else of the zygote closed. Returns the status descriptor."""
    _signal.set_wakeup_fd(-1)
    for caught in _CAUGHT:
        _signal.signal(caught, 0)
    os.setsid()
    os.write(wanted.cgroup, b"0\n")
    for number, descriptor in enumerate((wanted.stdin, wanted.stdout, wanted.stderr)):
        os.dup2(descriptor, number, inheritable=True)
    keep = sorted({wanted.status, *others, *([wanted.console] if wanted.console is not None else [])})
    low = 3
    for descriptor in keep:
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, 1 << 20)
    os.umask(0o022)
    return wanted.status


def _open_terminal(console: int, container: ContainerRequest) -> None:
    """A terminal of the container's own /dev/pts, so that ``tty`` finds its name; the master goes to the agent."""
    master, slave = os.openpty()
    with socket.socket(fileno=console) as channel:
        socket.send_fds(channel, [b"t"], [master])
    os.close(master)
    os.fchown(slave, container.user, 5)
    for number in (0, 1, 2):
        os.dup2(slave, number, inheritable=True)
    os.close(slave)
    ioctl(0, termios.TIOCSCTTY, 0)


def _root(request: ContainerRequest, machine: Machine) -> ContainerRoot:
    ours = not request.argv or not request.known_base or bool(request.module)
    return ContainerRoot(
        stage=machine.stage,
        devices=machine.devices,
        lower=machine.lower,
        hidden=machine.hidden,
        files=request.files,
        binds=((machine.python, machine.python),) if ours else (),
        volumes=tuple(VolumeMount(s, t, mode == "ro", sub) for s, t, mode, sub in request.volumes),
        upper_bytes=request.upper_bytes,
        read_only=request.read_only_root,
        cwd=request.cwd,
        overlay=machine.overlay,
    )


def _environment(request: ContainerRequest) -> dict[str, str]:
    environment = {"PATH": DEFAULT_PATH}
    if VARIABLE in os.environ:  # by which `down` finds it
        environment[VARIABLE] = os.environ[VARIABLE]
    for item in request.env:
        name, _, value = item.partition("=")
        environment[name] = value
    if "HOME" not in environment:
        try:
            environment["HOME"] = pwd.getpwuid(request.user).pw_dir
        except KeyError:
            environment["HOME"] = "/"
    return environment


def _become(request: ContainerRequest, machine: Machine) -> None:
    keep = capability_numbers(request.capabilities)
    process.drop_bounding(keep, machine.bounding)
    for number in (0, 1, 2):
        if request.user and not os.isatty(number):
            # Another user can't open /dev/stdout on root's pipe.
            os.fchown(number, request.user, request.group)
    seccomp.restrict()
    process.become(request.user, request.group, request.groups)
    process.set_capabilities(keep if request.user == 0 else ())
    if request.no_new_privs:
        process.no_new_privileges()


def _run_our_code(request: ContainerRequest, environment: dict[str, str], status: int) -> NoReturn:
    code = 1
    try:
        if request.module:
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = [request.module, *request.argv]
            entry = importlib.import_module(request.module).main
            _report(status, {"runs": "module"})
            code = entry(list(request.argv), environment) or 0
        else:
            code = standin.main(request.standin, lambda: _tell(status, b'{"runs":"standin"}'))
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    except OSError as error:
        _report(status, {"error": str(error)})
        code = START_ERROR_CODE
    except BaseException as error:  # noqa: BLE001 (the border of a process)
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201 (its log)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _report(status: int, words: dict[str, Any]) -> None:
    _tell(status, json.dumps(words).encode())


def _tell(status: int, words: bytes) -> None:
    try:
        os.write(status, words)
        os.close(status)
    except OSError:  # the zygote is gone or has heard already; the exit code says the rest
        return
