"""One rtnetlink message as a value, and the encoding of its attributes."""

import struct
from dataclasses import dataclass

CREATE, EXCL, REPLACE, APPEND = 0x400, 0x200, 0x100, 0x800
_NESTED = 0x8000  # NLA_F_NESTED


@dataclass(frozen=True, slots=True)
class Order:
    """One message without its header.

    about: what it does, for an error's text. answers: errnos that are no errors here.
    """

    kind: int
    flags: int
    body: bytes
    about: str
    answers: tuple[int, ...] = ()


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def nested(kind: int, value: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NESTED, value)


def text(kind: int, value: str) -> bytes:
    """An attribute that is a name."""
    return attribute(kind, value.encode() + b"\0")


def u32(kind: int, value: int) -> bytes:
    """An attribute that is a number of four bytes."""
    return struct.pack("=HHI", 8, kind, value)


def u8(kind: int, value: int) -> bytes:
    """An attribute that is a number of one byte."""
    return attribute(kind, bytes((value,)))


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by kind, read back; of several of a kind the last."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found
