"""Capture filters in tcpdump's language, compiled by libpcap into a program for the kernel. Its only door."""

import ctypes
import ctypes.util
import socket
from dataclasses import dataclass
from functools import cache

from dataplane.errors import FilterInvalid, NotSupported

_ETHERNET = 1  # DLT_EN10MB
_SNAP_BYTES = 262_144
_SO_ATTACH_FILTER = 26
_OPTIMIZE, _ANY_NETMASK = 1, 0xFFFFFFFF


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Instruction)))


class _SocketFilter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class Program:
    """A filter: its text, and eight bytes an instruction."""

    text: str
    code: bytes


NOTHING = Program("", bytes(_Instruction(6, 0, 0, 0)))  # BPF_RET | BPF_K: keep 0 bytes
"""Lets no packet through."""


def compile_filter(text: str) -> Program:
    """Compile for Ethernet. Raises FilterInvalid with libpcap's own words, NotSupported without libpcap."""
    library = _library()
    handle = library.pcap_open_dead(_ETHERNET, _SNAP_BYTES)
    if not handle:
        raise NotSupported("libpcap", "has no memory for a filter")
    try:
        program = _Program()
        failed = library.pcap_compile(handle, ctypes.byref(program), text.encode(), _OPTIMIZE, _ANY_NETMASK)
        if failed:
            raise FilterInvalid(text, library.pcap_geterr(handle).decode(errors="replace"))
        size = program.length * ctypes.sizeof(_Instruction)
        code = ctypes.string_at(program.instructions, size)
        library.pcap_freecode(ctypes.byref(program))
        return Program(text, code)
    finally:
        library.pcap_close(handle)


def attach(made: socket.socket, program: Program) -> None:
    """Only packets that the filter likes reach the socket. OSError when the kernel refuses it."""
    kept = ctypes.create_string_buffer(program.code, len(program.code))
    instructions = len(program.code) // ctypes.sizeof(_Instruction)
    packed = _SocketFilter(instructions, ctypes.addressof(kept))
    made.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(packed))


@cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("pcap") or "libpcap.so.0.8"
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise NotSupported(
            "libpcap",
            "filters need it, and it is not on this machine",
            str(error),
            "sudo apt-get install libpcap0.8",
        ) from error
    library.pcap_open_dead.restype = library.pcap_geterr.restype = ctypes.c_void_p
    library.pcap_geterr.restype = ctypes.c_char_p
    library.pcap_open_dead.argtypes = [ctypes.c_int, ctypes.c_int]
    library.pcap_compile.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(_Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
    ]  # fmt: skip
    library.pcap_geterr.argtypes = library.pcap_close.argtypes = [ctypes.c_void_p]
    library.pcap_freecode.argtypes = [ctypes.POINTER(_Program)]
    return library
