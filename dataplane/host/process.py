"""Raw calls of a process on itself: namespaces, capabilities, privileges. ctypes, since Python 3.11 has none."""

import ctypes
import os
import struct
from collections.abc import Iterable

from dataplane.errors import KernelError

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 1, 15, 23, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4

CAPABILITY_NUMBERS = {
    name: number
    for number, name in enumerate(
        [
            "CHOWN",
            "DAC_OVERRIDE",
            "DAC_READ_SEARCH",
            "FOWNER",
            "FSETID",
            "KILL",
            "SETGID",
            "SETUID",
            "SETPCAP",
            "LINUX_IMMUTABLE",
            "NET_BIND_SERVICE",
            "NET_BROADCAST",
            "NET_ADMIN",
            "NET_RAW",
            "IPC_LOCK",
            "IPC_OWNER",
            "SYS_MODULE",
            "SYS_RAWIO",
            "SYS_CHROOT",
            "SYS_PTRACE",
            "SYS_PACCT",
            "SYS_ADMIN",
            "SYS_BOOT",
            "SYS_NICE",
            "SYS_RESOURCE",
            "SYS_TIME",
            "SYS_TTY_CONFIG",
            "MKNOD",
            "LEASE",
            "AUDIT_WRITE",
            "AUDIT_CONTROL",
            "SETFCAP",
            "MAC_OVERRIDE",
            "MAC_ADMIN",
            "SYSLOG",
            "WAKE_ALARM",
            "BLOCK_SUSPEND",
            "AUDIT_READ",
            "PERFMON",
            "BPF",
            "CHECKPOINT_RESTORE",
        ]
    )
}
"""Numbers of linux/capability.h, by name without CAP_."""

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str, where: str = "process") -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise KernelError(where, what, os.strerror(number))


def unshare(flags: int) -> None:
    """New namespaces for the calling process (CLONE_NEWPID: for its children only)."""
    _checked(_libc.unshare(ctypes.c_int(flags)), f"unshare {flags:#x} was refused")


def setns(descriptor: int, flags: int) -> None:
    """Enter the namespaces of a namespace file or, with several flags, of a pidfd."""
    _checked(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(flags)), f"setns {flags:#x} was refused")


def _prctl(what: str, *arguments: int) -> int:
    padded = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0, 0)[:5]]
    result: int = _libc.prctl(*padded)
    if result < 0:
        _checked(result, f"prctl {what} was refused")
    return result


def die_with_parent(signal_number: int) -> None:
    """The kernel sends this signal when the parent thread ends. A change of user clears it: call it after."""
    _prctl("PR_SET_PDEATHSIG", _PR_SET_PDEATHSIG, signal_number)


def no_new_privileges() -> None:
    """No exec from here on can gain a privilege."""
    _prctl("PR_SET_NO_NEW_PRIVS", _PR_SET_NO_NEW_PRIVS, 1)


def set_name(name: str) -> None:
    """What ``ps`` shows of the process until it execs; 15 bytes."""
    text = ctypes.create_string_buffer(name.encode()[:15])
    _prctl("PR_SET_NAME", _PR_SET_NAME, ctypes.addressof(text))


def bounding_set() -> frozenset[int]:
    """Numbers of the capabilities that an exec could still gain."""
    found = set()
    for number in range(64):
        try:
            if _prctl("PR_CAPBSET_READ", _PR_CAPBSET_READ, number) == 1:
                found.add(number)
        except KernelError:  # EINVAL: beyond the last capability of this kernel
            break
    return frozenset(found)


def drop_bounding(keep: Iterable[int], have: Iterable[int]) -> None:
    """Drop from the bounding set what is in ``have`` and not in ``keep``."""
    for number in frozenset(have) - frozenset(keep):
        _prctl("PR_CAPBSET_DROP", _PR_CAPBSET_DROP, number)


def set_capabilities(keep: Iterable[int]) -> None:
    """Effective and permitted set become ``keep``; inheritable and ambient become empty."""
    _prctl("PR_CAP_AMBIENT", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    mask = 0
    for number in keep:
        mask |= 1 << number
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = struct.pack("=6I", low, low, 0, high, high, 0)
    _checked(_libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(data)), "capset was refused")


def become(user: int, group: int, groups: Iterable[int]) -> None:
    """Change to a user for good: supplementary groups, group, then user."""
    try:
        os.setgroups(list(groups))
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    except OSError as error:
        raise KernelError("process", f"can't become {user}:{group}", os.strerror(error.errno or 0)) from error
