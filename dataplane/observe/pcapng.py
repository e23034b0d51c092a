"""pcapng files: sections, interfaces with names, packets with nanoseconds and comments, names of addresses.

Source: draft-ietf-opsawg-pcapng (PCAP Next Generation Capture File Format). Little-endian, as this machine writes.
"""

import struct
from collections.abc import Iterable, Mapping

from dataplane.model.address import IPAddress

SECTION, INTERFACE, NAMES, STATISTICS, PACKET = 0x0A0D0D0A, 1, 4, 5, 6
_BYTE_ORDER = 0x1A2B3C4D
_ETHERNET = 1  # LINKTYPE_ETHERNET
_END, _COMMENT = 0, 1
_SHB_HARDWARE_OS_APPLICATION = 4
_IF_NAME, _IF_DESCRIPTION, _IF_RESOLUTION, _IF_FILTER = 2, 3, 9, 11
_EPB_FLAGS = 2
_ISB_RECEIVED, _ISB_DROPPED = 4, 5
_NRB_IPV4, _NRB_IPV6 = 1, 2
INBOUND, OUTBOUND = 1, 2
_PACKET_HEAD = struct.Struct("<IIIIIII")
_FLAGS = {
    way: struct.pack("<HHIHH", _EPB_FLAGS, 4, way, _END, 0) for way in (INBOUND, OUTBOUND)
}  # fmt: skip


def section(application: str) -> bytes:
    """The header that a file begins with. application: who wrote it."""
    body = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    return _block(SECTION, body + _options([(_SHB_HARDWARE_OS_APPLICATION, application.encode())]))


def interface(name: str, description: str, snap_bytes: int, capture_filter: str = "") -> bytes:
    """A place where packets are seen; packets name it by its number in the file, from 0. Times in nanoseconds."""
    options = [(_IF_NAME, name.encode()), (_IF_DESCRIPTION, description.encode()), (_IF_RESOLUTION, b"\x09")]
    if capture_filter:
        options.append((_IF_FILTER, b"\0" + capture_filter.encode()))
    return _block(INTERFACE, struct.pack("<HHI", _ETHERNET, 0, snap_bytes) + _options(options))


def names(known: Mapping[IPAddress, str]) -> bytes:
    """What addresses are called: Wireshark shows these where it resolves names."""
    records = b"".join(
        _padded(
            _NRB_IPV4 if address.version == 4 else _NRB_IPV6,
            address.packed + name.encode() + b"\0",
        )
        for address, name in known.items()
    )
    return _block(NAMES, records + struct.pack("<HH", _END, 0))


def packet_parts(
    number: int, time_ns: int, length: int, data: memoryview | bytes, way: int
) -> tuple[bytes | memoryview, ...]:
    """A packet as pieces to be written one after another, so that its bytes are not copied.

    number: of the interface. length: on the wire; ``data`` may be shorter. way: INBOUND or OUTBOUND.
    """
    captured = len(data)
    padding = -captured & 3
    flags = _FLAGS[way]
    total = 32 + captured + padding + len(flags)
    head = _PACKET_HEAD.pack(PACKET, total, number, time_ns >> 32, time_ns & 0xFFFFFFFF, captured, length)
    return head, data, b"\0" * padding + flags + total.to_bytes(4, "little")


def commented_packet(number: int, time_ns: int, length: int, data: bytes, way: int, comment: str) -> bytes:
    """A packet with a comment, whole."""
    body = struct.pack("<IIIII", number, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), length)
    options = _options([(_COMMENT, comment.encode()), (_EPB_FLAGS, struct.pack("<I", way))])
    return _block(PACKET, body + data + b"\0" * (-len(data) & 3) + options)


def statistics(number: int, time_ns: int, received: int, dropped: int) -> bytes:
    """How many packets an interface saw, and how many found no room."""
    body = struct.pack("<III", number, time_ns >> 32, time_ns & 0xFFFFFFFF)
    counts = [(_ISB_RECEIVED, struct.pack("<Q", received)), (_ISB_DROPPED, struct.pack("<Q", dropped))]
    return _block(STATISTICS, body + _options(counts))


def _block(kind: int, body: bytes) -> bytes:
    total = 12 + len(body)
    return struct.pack("<II", kind, total) + body + struct.pack("<I", total)


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(_padded(code, value) for code, value in options) + struct.pack("<HH", _END, 0)


def _padded(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) & 3)
