"""mount(2) and its kin for containers: the one place of podwire that mounts anything but a namespace file."""

import ctypes
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from dataplane.errors import KernelError

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_PSEUDO = frozenset(
    [
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "tmpfs",
        "cgroup",
        "cgroup2",
        "mqueue",
        "debugfs",
        "tracefs",
        "securityfs",
        "bpf",
        "pstore",
        "configfs",
        "fusectl",
        "hugetlbfs",
        "autofs",
        "binfmt_misc",
        "nsfs",
        "ramfs",
        "rpc_pipefs",
        "efivarfs",
    ]
)
_LAYERED = ("/usr", "/var", "/opt", "/etc", "/srv", "/bin", "/sbin", "/lib", "/lib64")
_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}
_DEVICE_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One line of the mount table."""

    path: str
    kind: str


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2). Raises KernelError that names the target."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    if result != 0:
        number = ctypes.get_errno()
        raise KernelError(target, f"can't mount {kind or source}", os.strerror(number))


def bind(
    source: str, target: str, *, read_only: bool = False, recursive: bool = False, device: bool = False
) -> None:
    """A bind mount, nosuid not implied. Without ``device`` no device node below it can be opened."""
    mount(source, target, "", BIND | (REC if recursive else 0))
    flags = (RDONLY if read_only else 0) | (0 if device else NODEV)
    if flags:
        mount("", target, "", REMOUNT | BIND | flags)


def detach(target: str) -> None:
    """umount2(MNT_DETACH): out of the tree at once, freed when nobody uses it."""
    if _libc.umount2(target.encode(), _MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise KernelError(target, "can't detach the mount", os.strerror(number))


def pivot_here() -> None:
    """Make the current directory the root; the old root stays stacked below it until it is detached."""
    number = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise KernelError("container root", f"pivot_root is not known on {os.uname().machine}")
    if _libc.syscall(ctypes.c_long(number), b".", b".") != 0:
        raise KernelError("container root", "pivot_root was refused", os.strerror(ctypes.get_errno()))


def mount_table(text: str | None = None) -> list[MountPoint]:
    """The calling process's mounts, in the order of the table. text: contents of mountinfo, for tests."""
    found = []
    for line in (text if text is not None else Path("/proc/self/mountinfo").read_text()).splitlines():
        before, _, after = line.partition(" - ")
        path = before.split()[4].encode().decode("unicode_escape")  # blanks are \040
        found.append(MountPoint(path, after.split()[0]))
    return found


def layers(hidden: tuple[str, ...], table: list[MountPoint] | None = None) -> tuple[str, ...]:
    """Mount points of real file systems that a container must see besides ``/``, shortest first.

    An overlay shows what is mounted below its lower directory as empty, so each needs an overlay of its own.
    hidden: paths that containers see empty anyway.
    """
    found = set()
    for entry in table if table is not None else mount_table():
        path = entry.path
        if entry.kind in _PSEUDO or not _is_below(path, _LAYERED) or _is_below(path, hidden):
            continue
        if table is not None or Path(path).is_dir():
            found.add(path)
    return tuple(sorted(found, key=lambda path: (len(path), path)))


def _is_below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)


def make_private() -> None:
    """Nothing that is mounted from here on is seen elsewhere, and nothing mounted elsewhere is seen here."""
    mount("", "/", "", REC | PRIVATE)


def detach_below(place: str) -> None:
    """Detach all mounts at and below a directory from this process's own table.

    A parent takes along what is mounted in it, and a mount that another one hides is reached only after that: where
    /run is a shared mount, as systemd makes it, ``ip netns`` binds each name twice, once hidden below /run/netns.
    Raises KernelError when one can't be detached.
    """
    refused: KernelError | None = None
    before = -1
    while left := [entry.path for entry in mount_table() if _is_below(entry.path, (place,))]:
        if len(left) == before and refused:
            raise refused
        before = len(left)
        for path in left:
            try:
                detach(path)
            except KernelError as error:
                refused = error  # gone with its parent, or hidden


def device_template(place: str) -> None:
    """A tmpfs with the harmless devices and the usual links, to be bound read-only as a container's /dev.

    Raises KernelError where the machine does not let us make device nodes.
    """
    Path(place).mkdir(parents=True, exist_ok=True)
    mount("tmpfs", place, "tmpfs", NOSUID | NOEXEC, "mode=755,size=64k")
    for name, (major, minor) in _DEVICES.items():
        try:
            os.mknod(f"{place}/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
        except OSError as error:
            raise KernelError(
                f"{place}/{name}",
                "can't make a device node for containers",
                os.strerror(error.errno or 0),
                "podwire needs real root (CAP_MKNOD)",
            ) from error
        os.chmod(f"{place}/{name}", 0o666)  # noqa: S103 (as every /dev has them)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"{place}/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{place}/{name}", 0o755)
    Path(place, "termination-log").touch(0o666)
    mount("", place, "", REMOUNT | BIND | RDONLY | NOSUID | NOEXEC)
