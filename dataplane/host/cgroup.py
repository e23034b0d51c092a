"""A lab's own cgroup2 subtree: every process of it, so that killing needs no other memory."""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from dataplane.errors import KernelError, NoCgroup2
from dataplane.host.denied import Ability, is_denied
from dataplane.netns import syscalls
from dataplane.patience import patient

PREFIX = "podwire-"
MOUNTS = Path("/proc/self/mounts")
OWN_HOME = Path("/var/lib/podwire/.cgroup2")
_PATIENCE_S = 20.0


def cgroup2_root(mounts: Path = MOUNTS) -> Path:
    """Where the machine has cgroup2: alone, or beside version 1 (hybrid). Raises NoCgroup2.

    A mount that a lab made for itself is none of the machine's; nor is one that can't be written (in a container).
    """
    for line in () if is_denied(Ability.CGROUP2) else mounts.read_text().splitlines():
        _, target, kind, options, *_ = line.split(" ")
        place = Path(target.encode().decode("unicode_escape"))
        if kind == "cgroup2" and place.parent != OWN_HOME and "ro" not in options.split(","):
            return place
    raise no_cgroup2("this machine")


def own_mount(lab: str) -> Path:
    """Where a lab mounts cgroup2 for itself, on a machine that has none mounted; gone with the lab."""
    return OWN_HOME / lab


def can_be_mounted() -> bool:
    """Can a lab mount cgroup2 for itself? Root tries it, once a process: a container may not be allowed to.

    ``PODWIRE_NO_CGROUP2=never`` says that it can't.
    """
    if os.environ.get(Ability.CGROUP2.variable) == "never":
        return False
    if "\tcgroup2\n" not in Path("/proc/filesystems").read_text():
        return False
    return os.geteuid() != 0 or _mount_is_allowed()


@cache
def _mount_is_allowed() -> bool:
    place = OWN_HOME / f".try-{os.getpid()}"
    try:
        _mount(place)
    except KernelError:
        return False
    finally:
        _unmount(place)
    return True


def is_marked(lab: str) -> bool:
    """Is the lab one, or will it be one, whose processes are found by their environment? See `marked`."""
    own = own_mount(lab)
    if (own / "marked").exists():
        return True
    if os.path.ismount(own):
        return False
    try:
        cgroup2_root()
    except NoCgroup2:
        return not can_be_mounted()
    return False


def _mount(place: Path) -> None:
    """Mount cgroup2, seen nowhere else. Raises KernelError where that is not allowed."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        syscalls.mount("none", str(place), "cgroup2", 0)
        syscalls.mount("", str(place), None, syscalls.MS_PRIVATE)
    except OSError as error:
        mend = "run as root; in a container with --privileged"
        raise KernelError(str(place), "can't mount cgroup2", str(error), mend) from error


def _unmount(place: Path) -> None:
    with suppress(OSError):  # the directories above may hold other labs
        syscalls.umount(str(place), syscalls.MNT_DETACH)
    with suppress(OSError):
        for directory in (place, place.parent, place.parent.parent):
            directory.rmdir()


def no_cgroup2(where: str) -> NoCgroup2:
    """The error that says so."""
    return NoCgroup2(
        where,
        "cgroup2 is not mounted, so a lab's processes can't be held together",
        mend="sudo mkdir -p /sys/fs/cgroup/unified && sudo mount -t cgroup2 none /sys/fs/cgroup/unified",
    )


def labs_with_cgroup() -> tuple[str, ...]:
    """Labs of which the machine has a cgroup, or a mount of their own, sorted."""
    own = {place.name for place in OWN_HOME.glob("[!.]*")} if OWN_HOME.is_dir() else set()
    try:
        found = {entry.name for entry in cgroup2_root().iterdir() if entry.name.startswith(PREFIX)}
    except (NoCgroup2, OSError):
        found = set()
    return tuple(sorted({name.removeprefix(PREFIX) for name in found} | own))


class LabCgroup:
    """The subtree ``podwire-<lab>``. No controllers: it groups, kills and freezes, it does not limit."""

    def __new__(cls, lab: str) -> "LabCgroup":
        """A `MarkedLab` where processes can't be grouped."""
        if cls is LabCgroup and is_marked(lab):
            from dataplane.host.marked import MarkedLab

            return super().__new__(MarkedLab)
        return super().__new__(cls)

    def __getnewargs__(self) -> tuple[str]:
        """For copies, which `remove_below` works on."""
        return (self.lab,)

    def __init__(self, lab: str) -> None:
        """Touches nothing. Where the machine has no cgroup2 the path is where it will be mounted."""
        self.lab, self._own = lab, own_mount(lab)
        self.path = self._own / f"{PREFIX}{lab}"
        if not is_marked(lab):
            with suppress(NoCgroup2):
                self.path = cgroup2_root() / f"{PREFIX}{lab}"

    def create(self) -> None:
        """Make the lab's group and its standing subgroups; they may be there. Mounts cgroup2 where there is none."""
        if self.path.parent == self._own and not is_marked(self.lab) and not os.path.ismount(self._own):
            _mount(self._own)
        for sub in ("roles", "nodes"):
            self.make(sub)

    def make(self, sub: str) -> Path:
        """Make a subgroup, ``nodes/node-1``, and those above it; it may be there."""
        path = self.path / sub
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KernelError(str(path), "can't make the cgroup", str(error), "run as root") from error
        return path

    def enter(self, sub: str, pid: int = 0) -> None:
        """Put a process (0: the caller) into a subgroup, made when missing; its children follow."""
        path = self.make(sub)
        try:
            (path / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise KernelError(str(path), f"process {pid or os.getpid()} can't enter", str(error)) from error

    @contextmanager
    def visiting(self, sub: str) -> Iterator[None]:
        """The caller is in a subgroup for the block: what it forks there is born inside, and `kill` finds it."""
        own = next(
            line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")
        )
        home = self.path.parent / own.removeprefix("0::").lstrip("/")
        self.enter(sub)
        try:
            yield
        finally:
            (home / "cgroup.procs").write_text("0")

    def pids(self) -> tuple[int, ...]:
        """All processes in the subtree, sorted."""
        found: set[int] = set()
        for group in self._groups():
            with suppress(OSError):  # gone meanwhile
                found |= {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
        return tuple(sorted(found - {0}))

    def populated(self) -> bool:
        """Has the subtree a process that runs? Zombies do not count."""
        try:
            return "populated 1" in (self.path / "cgroup.events").read_text()
        except FileNotFoundError:
            return False

    def kill(self) -> None:
        """SIGKILL to every process of the subtree, the caller's excepted; returns when they are gone.

        Raises KernelError when one is still there after 20 s (it hangs in the kernel).
        """
        if not self.path.is_dir():
            return
        if os.getpid() in self.pids():
            (self.path.parent / "cgroup.procs").write_text("0")
        deadline = time.monotonic() + patient(_PATIENCE_S)
        try:
            (self.path / "cgroup.kill").write_text("1")
        except FileNotFoundError:  # before Linux 5.14
            self._kill_one_by_one(deadline)
        self._wait_until_empty(deadline)

    def remove_below(self, sub: str) -> None:
        """Kill the processes of a subgroup, ``nodes/node-1``, and remove it; the rest of the lab goes on."""
        part = type(self)(self.lab)
        part.path = self.path / sub
        part.kill()
        part.remove()

    def remove(self) -> None:
        """Remove the tree; its processes are gone. Gone already is no error."""
        for group in self._groups():
            try:
                group.rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                mend = f"processes in it: {' '.join(map(str, self.pids())) or 'none'}"
                raise KernelError(str(group), "can't remove the cgroup", str(error), mend) from error
        if self.path.name.startswith(PREFIX) and self._own.exists():  # the lab's whole tree, not a part of it
            _unmount(self._own)

    def _groups(self) -> Iterator[Path]:
        """All groups of the subtree, the deepest first."""
        for directory, _, _ in os.walk(self.path, topdown=False):
            yield Path(directory)

    def _kill_one_by_one(self, deadline: float) -> None:
        while time.monotonic() < deadline and (pids := self.pids()):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _wait_until_empty(self, deadline: float) -> None:
        """By the kernel's own word (cgroup.events), never by pids: those of zombies linger."""
        try:
            events = os.open(self.path / "cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            waiting = select.poll()
            waiting.register(events, select.POLLPRI)
            while b"populated 1" in os.pread(events, 4096, 0):
                left = deadline - time.monotonic()
                if left <= 0:
                    pids = " ".join(map(str, self.pids()))
                    raise KernelError(str(self.path), f"processes don't end: {pids}", mend="a reboot")
                waiting.poll(min(left, 1.0) * 1000)
        finally:
            os.close(events)
