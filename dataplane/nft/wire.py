"""Netlink's framing: messages and attributes, and the numbers of nfnetlink and nf_tables.

Sources: linux/netlink.h, linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h (kernel user API).
"""

import struct
from collections.abc import Iterator
from enum import IntEnum

NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x2, 0x4, 0x10
NLM_F_DUMP, NLM_F_CREATE, NLM_F_EXCL, NLM_F_APPEND = 0x300, 0x400, 0x200, 0x800
NLMSG_ERROR, NLMSG_DONE = 2, 3
NFNL_SUBSYS_CTNETLINK, NFNL_SUBSYS_NFTABLES = 1, 10
NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END = 16, 17
NFNL_BATCH_GENID = 1
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF

HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence number, port."""
_ATTRIBUTE = struct.Struct("=HH")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Msg(IntEnum):
    """nf_tables' messages."""

    NEWTABLE = 0
    GETTABLE = 1
    DELTABLE = 2
    NEWCHAIN = 3
    GETCHAIN = 4
    DELCHAIN = 5
    NEWRULE = 6
    GETRULE = 7
    DELRULE = 8
    NEWSET = 9
    GETSET = 10
    DELSET = 11
    NEWSETELEM = 12
    GETSETELEM = 13
    DELSETELEM = 14
    NEWGEN = 15
    GETGEN = 16


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(len(payload) + 4, kind) + payload + _PADDING[len(payload) & 3]


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute whose payload is attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def u32(kind: int, value: int) -> bytes:
    """A 32-bit attribute in network order, which nf_tables uses for every number."""
    return attribute(kind, struct.pack(">I", value & 0xFFFFFFFF))


def text(kind: int, value: str) -> bytes:
    """A NUL-terminated string attribute."""
    return attribute(kind, value.encode() + b"\0")


def message(kind: int, flags: int, sequence: int, family: int, body: bytes, *, resource: int = 0) -> bytes:
    """A netlink message with nfgenmsg (family, version 0, resource id) and its attributes.

    kind: subsystem << 8 | message.
    """
    header = HEADER.pack(20 + len(body), kind, flags | NLM_F_REQUEST, sequence, 0)
    return header + struct.pack(">BBH", family, 0, resource) + body


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, payload) of each message in a datagram."""
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        yield kind, flags, sequence, data[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def attributes(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """(type without flag bits, value) of each attribute."""
    offset, end = 0, len(payload)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < 4:
            return
        yield kind & NLA_TYPE_MASK, payload[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def attribute_map(payload: bytes) -> dict[int, bytes]:
    """Attributes by type; the last one of a type stands."""
    return dict(attributes(payload))


def as_u32(value: bytes) -> int:
    """A number in network order."""
    return int.from_bytes(value, "big")


def as_text(value: bytes) -> str:
    """A string without its NUL."""
    return value.split(b"\0", 1)[0].decode()
