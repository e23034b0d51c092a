"""A system call filter for containers: no new namespaces, no mounts, nothing that reaches the kernel itself.

Without it a user namespace would give a container's processes every capability inside it, and with them a
writable cgroup file system and memory without bound.
"""

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from dataplane.errors import KernelError

_LOAD, _JEQ, _JSET, _JGE, _RET = (
    0x20,
    0x15,
    0x45,
    0x35,
    0x06,
)  # classic BPF: ld abs, jumps on a constant, return
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # struct seccomp_data, little-endian
_NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_X32 = 0x40000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_SAME_EVERYWHERE = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "clone3": 435, "mount_setattr": 442, "io_uring_setup": 425,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Machine:
    audit_arch: int
    clone: int
    forbidden: tuple[int, ...]


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        56,
        # pivot_root _sysctl acct settimeofday mount umount2 swapon swapoff reboot sethostname setdomainname
        # init_module delete_module quotactl add_key request_key keyctl unshare perf_event_open
        # open_by_handle_at setns kexec_load finit_module kexec_file_load bpf userfaultfd
        (155, 156, 163, 164, 165, 166, 167, 168, 169, 170, 171, 175, 176, 179, 248, 249, 250, 272, 298,
         304, 308, 246, 313, 320, 321, 323),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        220,
        # the same, by that architecture's numbers
        (39, 40, 41, 60, 89, 97, 104, 105, 106, 142, 161, 162, 170, 217, 218, 219, 224, 225, 241, 265, 268,
         273, 280, 282, 294),
    ),
}  # fmt: skip


def _statement(code: int, constant: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, constant)


def _jump(code: int, constant: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, constant)


def program(machine: str) -> bytes:
    """The filter for an architecture; empty for one that we don't know, where no filter is set.

    Another architecture's calls (32-bit programs, x32) are refused, since their numbers mean other things.
    """
    known = _MACHINES.get(machine)
    if known is None:
        return b""
    refuse = _statement(_RET, _ERRNO | errno.EPERM)
    missing = _statement(_RET, _ERRNO | errno.ENOSYS)
    lines = [
        _statement(_LOAD, _ARCH_AT),
        _jump(_JEQ, known.audit_arch, 1, 0),
        refuse,
        _statement(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        lines += [_jump(_JGE, _X32, 0, 1), missing]
    # clone3's flags lie in memory, where a filter can't look: libc falls back to clone.
    lines += [_jump(_JEQ, _SAME_EVERYWHERE["clone3"], 0, 1), missing]
    for number in sorted(
        {*known.forbidden, *(set(_SAME_EVERYWHERE.values()) - {_SAME_EVERYWHERE["clone3"]})}
    ):
        lines += [_jump(_JEQ, number, 0, 1), refuse]
    lines += [
        _jump(_JEQ, known.clone, 0, 3),
        _statement(_LOAD, _FIRST_ARGUMENT_AT),
        _jump(_JSET, _NAMESPACE_FLAGS, 0, 1),
        refuse,
        _statement(_RET, _ALLOW),
    ]
    return b"".join(lines)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


_filter = program(os.uname().machine)
_libc = ctypes.CDLL(None, use_errno=True)


def restrict() -> None:
    """Filter this process's calls from now on, and its children's. Needs CAP_SYS_ADMIN. Raises KernelError."""
    if not _filter:
        return
    wanted = _Program(len(_filter) // 8, _filter)
    if _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(wanted), 0, 0) != 0:
        number = ctypes.get_errno()
        raise KernelError("container", "a system call filter was refused", os.strerror(number))
