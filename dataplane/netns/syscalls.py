"""unshare, setns, mount and umount through ctypes: Python has them from 3.12 on, or not at all."""

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """The calling thread gets new namespaces. OSError when refused."""
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """The calling thread enters a namespace. OSError when refused."""
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, filesystem: str | None, flags: int, data: str | None = None) -> None:
    """mount(2). OSError when refused."""
    done = _libc.mount(
        source.encode(),
        target.encode(),
        filesystem.encode() if filesystem else None,
        ctypes.c_ulong(flags),
        data.encode() if data else None,
    )
    _checked(done, f"mount {source} on {target}")


def umount(target: str, flags: int = 0) -> None:
    """umount2(2). OSError when refused."""
    _checked(_libc.umount2(target.encode(), flags), f"umount {target}")


def _checked(returned: int, what: str) -> None:
    if returned != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
