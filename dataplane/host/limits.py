"""Limits that all namespaces of the machine share, compared with what a lab needs, before anything is made.

They are not ours to change: what is too low is reported with the command that raises it.
"""

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataplane.errors import LimitReached

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Need:
    """How big a lab is to be."""

    nodes: int
    pods: int


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as it is. in_use: of it already, by everybody. needed: by the lab, beyond that."""

    name: str
    value: int
    in_use: int
    needed: int
    mend: str

    @property
    def reached(self) -> bool:
        """Is there too little left?"""
        return self.in_use + self.needed > self.value

    def error(self) -> LimitReached:
        """The error that says so."""
        short = f"{self.name} is {self.value}, {self.in_use} are in use, and the lab needs {self.needed} more"
        return LimitReached("this machine", short, mend=self.mend)


def read(need: Need) -> tuple[Limit, ...]:
    """All limits, whether reached or not; those that this kernel does not have are left out."""
    found = (make(need) for make in _LIMITS)
    return tuple(limit for limit in found if limit is not None)


def check(need: Need) -> list[LimitReached]:
    """The limits that the lab would run into, as errors with their mends; empty when it fits."""
    return [limit.error() for limit in read(need) if limit.reached]


def _neighbours(need: Need) -> Limit | None:
    """Ours are permanent and don't count; a pod that talks to pods beside it learns them, here one each.

    How many of others count is not to be had: the table's own number (net/stat/arp_cache) has the permanent in it.
    """
    return _sysctl("net.ipv4.neigh.default.gc_thresh3", 0, need.pods)


def _conntrack(need: Need) -> Limit | None:
    """Counted in each namespace; a node's first connections must find room."""
    return _sysctl("net.netfilter.nf_conntrack_max", 0, 1024 + 16 * need.pods)


def _inotify(need: Need) -> Limit | None:
    """One a node, for the files that its agents watch."""
    return _sysctl("fs.inotify.max_user_instances", 0, need.nodes)


def _processes(need: Need) -> Limit | None:
    """Two containers a pod with their children, and a node's agents with their threads."""
    return _sysctl("kernel.pid_max", _threads_in_use(), 6 * need.pods + 12 * need.nodes + 32)


def _namespaces(need: Need) -> Limit | None:
    """One a node and a pod, the fabric and the internet."""
    return _sysctl("user.max_net_namespaces", 0, need.pods + need.nodes + 2)


def _mount_namespaces(need: Need) -> Limit | None:
    """One a container."""
    return _sysctl("user.max_mnt_namespaces", 0, 2 * need.pods + 2)


def _open_files(need: Need) -> Limit | None:
    """Of one process: the API server has a connection for each watcher, a kubelet some for each pod."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return None
    needed = 512 + 32 * need.nodes + 4 * need.pods
    return Limit("open files a process (ulimit -Hn)", hard, 0, needed, f"ulimit -n {_rounded(needed)}")


def _all_files(need: Need) -> Limit | None:
    """Of the whole machine."""
    used = _first_number(PROC / "sys/fs/file-nr") or 0
    return _sysctl("fs.file-max", used, 2048 + 256 * need.nodes + 24 * need.pods)


_LIMITS: tuple[Callable[[Need], Limit | None], ...] = (
    _neighbours,
    _conntrack,
    _inotify,
    _processes,
    _namespaces,
    _mount_namespaces,
    _open_files,
    _all_files,
)


def _sysctl(name: str, in_use: int, needed: int) -> Limit | None:
    value = _first_number(PROC / "sys" / name.replace(".", "/"))
    if value is None:
        return None
    return Limit(name, value, in_use, needed, f"sudo sysctl -w {name}={_rounded(in_use + needed)}")


def _rounded(number: int) -> int:
    """The next power of two.

    >>> _rounded(1025)
    2048
    """
    return 1 << max(number - 1, 1).bit_length()


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _threads_in_use() -> int:
    """The machine's, as in the fourth field of loadavg (``running/all``)."""
    try:
        return int((PROC / "loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return len([name for name in os.listdir(PROC) if name.isdigit()])


def raise_open_files() -> int:
    """Allow this process, and those forked from it, as many open files as the machine lets it have; how many.

    A login's soft limit is often 1,024, and a node's agents hold several files for each container.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
