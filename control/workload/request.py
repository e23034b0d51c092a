"""What the zygote is asked for and what it tells: plain values that go over its socket as JSON."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Self, cast


@dataclass(frozen=True, slots=True)
class ZygoteConfig:
    """What the zygote needs to know before it serves.

    socket_path: unix socket (SOCK_STREAM, 0600). home: PODWIRE_HOME, masked in containers.
    upper_bytes: size of the tmpfs that takes what one container writes.
    owner_pid: when set, the zygote and all containers die with this parent.
    """

    socket_path: str
    home: str = "/var/lib/podwire"
    upper_bytes: int = 256 * 1024 * 1024
    owner_pid: int = 0


@dataclass(frozen=True, slots=True)
class _Message:
    """A value with a JSON form of the same field names."""

    def as_json(self) -> dict[str, Any]:
        """The value as JSON; its tuples become lists on the way. Not ``asdict``, which copies deeply (40 µs)."""
        return {name: getattr(self, name) for name in _names(cast(Any, type(self)))}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """The value back from JSON; unknown fields are ignored, lists become tuples."""
        names = _names(cast(Any, cls))
        return cls(**{key: _frozen(value) for key, value in body.items() if key in names})


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value


@dataclass(frozen=True, slots=True)
class SandboxRequest(_Message):
    """A pod's UTS and IPC namespaces."""

    op: ClassVar[str] = "sandbox"
    uid: str
    node: str
    namespace: str
    name: str
    hostname: str
    cgroup: str


@dataclass(frozen=True, slots=True)
class ContainerRequest(_Message):
    """One container to start in a sandbox. The network namespace goes along as a descriptor.

    id: 64 hex digits. argv: empty for a stand-in. env: ``KEY=value``.
    volumes: (source, target, "ro" | "rw", sub_path). files: (path, text) written in the container's own layer.
    known_base: a missing command is an error; otherwise it becomes a stand-in.
    standin: facts for the stand-in as JSON (ports, identity), see ``standin.main.StandInPlan``.
    module: dotted module of our own code to run instead (``main(argv, environment)``), empty for none.
    shares_pid_of: the container (id) whose processes it sees and joins; empty for a process table of its own.
    capabilities: names without CAP_. groups: supplementary groups.
    labels: free JSON that ``list`` gives back, so that a restarted agent knows its own.
    """

    op: ClassVar[str] = "start"
    id: str
    uid: str
    node: str
    container: str
    attempt: int
    cgroup: str
    argv: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: int = 0
    group: int = 0
    groups: tuple[int, ...] = ()
    capabilities: tuple[str, ...] = ()
    no_new_privs: bool = False
    read_only_root: bool = False
    volumes: tuple[tuple[str, str, str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    known_base: bool = False
    standin: str = ""
    module: str = ""
    stdin: bool = False
    tty: bool = False
    upper_bytes: int = 0
    labels: str = "{}"
    shares_pid_of: str = ""


@dataclass(frozen=True, slots=True)
class ExecRequest(_Message):
    """A command inside a running container; its stdin, stdout and stderr go along as descriptors.

    tty: the one descriptor is a unix socket, which gets the master of the terminal that the command runs on.
    """

    op: ClassVar[str] = "exec"
    id: str
    container_id: str
    argv: tuple[str, ...]
    tty: bool = False


@dataclass(frozen=True, slots=True)
class ContainerRecord(_Message):
    """A container as the zygote knows it.

    runs: "command", "standin" or "module". exit_code: as a shell tells it (128 + signal), None while it runs.
    signal: what killed it, 0 for none. started, finished: Unix seconds.
    """

    id: str
    uid: str
    node: str
    container: str
    attempt: int
    pid: int
    runs: str
    started: float
    finished: float
    exit_code: int | None
    signal: int
    labels: str
