"""The containers' system call filter, run on paper: what it lets through and what it answers."""

import errno
import struct

import pytest

from dataplane.host.seccomp import program

ALLOW = "allow"


def verdict(machine, arch, number, flags=0):
    """Interpret the filter for one call."""
    data = struct.pack("=IIQQ", number, arch, 0, flags)
    lines = list(struct.iter_unpack("=HBBI", program(machine)))
    at, value = 0, 0
    while True:
        code, if_true, if_false, constant = lines[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, constant)
        elif code == 0x06:
            return ALLOW if constant == 0x7FFF0000 else constant & 0xFFFF
        else:
            holds = {0x15: value == constant, 0x45: value & constant, 0x35: value >= constant}[code]
            at += if_true if holds else if_false


X86, ARM = ("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ((*X86, 0), ALLOW),  # read
        ((*X86, 59), ALLOW),  # execve
        ((*X86, 56, 17), ALLOW),  # clone as fork
        ((*X86, 56, 0x003D0F00), ALLOW),  # clone as a thread
        ((*X86, 56, 0x10000000), errno.EPERM),  # clone with CLONE_NEWUSER
        ((*X86, 56, 0x00020000), errno.EPERM),  # with CLONE_NEWNS
        ((*X86, 272), errno.EPERM),  # unshare
        ((*X86, 165), errno.EPERM),  # mount
        ((*X86, 435), errno.ENOSYS),  # clone3
        ((*X86, 321), errno.EPERM),  # bpf
        ((*X86, 0x40000000), errno.ENOSYS),  # x32
        (("x86_64", 0x40000003, 1), errno.EPERM),  # a 32-bit program
        ((*ARM, 63), ALLOW),  # read
        ((*ARM, 220, 17), ALLOW),  # clone as fork
        ((*ARM, 220, 0x10000000), errno.EPERM),
        ((*ARM, 97), errno.EPERM),  # unshare
        ((*ARM, 40), errno.EPERM),  # mount
    ],
)
def test_a_call_is_answered(call, answer):
    assert verdict(*call) == answer


def test_an_unknown_architecture_gets_no_filter():
    assert program("riscv64") == b""
