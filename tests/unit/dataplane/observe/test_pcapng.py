"""Blocks of pcapng, byte by byte."""

import struct
from ipaddress import ip_address

from dataplane.observe import pcapng


def _walk(data: bytes) -> list[tuple[int, bytes]]:
    """(type, body) of each block; both lengths of each agree."""
    found, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        found.append((kind, data[at + 8 : at + length - 4]))
        at += length
    return found


def test_every_block_says_its_length_at_both_ends():
    blocks = _walk(
        pcapng.section("podwire")
        + pcapng.interface("shop/web:eth0", "pod shop/web", 65_535, "tcp")
        + pcapng.names({ip_address("10.0.0.1"): "web", ip_address("fd00::1"): "web"})
        + b"".join(bytes(part) for part in pcapng.packet_parts(0, 5, 61, b"x" * 61, pcapng.INBOUND))
        + pcapng.commented_packet(0, 5, 3, b"abc", pcapng.OUTBOUND, "a → b")
        + pcapng.statistics(0, 9, 2, 1)
    )
    assert [kind for kind, _ in blocks] == [
        pcapng.SECTION, pcapng.INTERFACE, pcapng.NAMES, pcapng.PACKET, pcapng.PACKET, pcapng.STATISTICS,
    ]  # fmt: skip


def test_a_packets_time_is_nanoseconds_in_two_halves():
    time_ns = 1_800_000_000_123_456_789
    head = bytes(pcapng.packet_parts(3, time_ns, 100, b"y" * 10, pcapng.OUTBOUND)[0])
    number, high, low, captured, length = struct.unpack_from("<IIIII", head, 8)
    assert (number, captured, length) == (3, 10, 100)
    assert high << 32 | low == time_ns
