"""Whether a captured packet's checksums are right, not written yet (the network card's part), or wrong.

A socket leaves the transport's checksum to the card: until then the field holds the pseudo-header's sum alone, and
the kernel says so of the frame (TP_STATUS_CSUMNOTREADY in packet(7)). On veth no card ever writes it. Sources: RFC 1071,
RFC 768, RFC 9293 (3.1), RFC 8200 (8.1), Linux ``Documentation/networking/checksum-offloads.rst``.
"""

from enum import StrEnum

from dataplane.model.address import IPAddress

_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58
_FIELD = {
    _TCP: 16,
    _UDP: 6,
    _ICMP: 2,
    _ICMPV6: 2,
}  # where the checksum stands, in bytes from the header's start


class Checksum(StrEnum):
    """What a checksum says. PARTIAL: the pseudo-header's sum only, and the kernel knows. ABSENT: UDP over IPv4 without."""

    RIGHT = "right"
    PARTIAL = "partial"
    ABSENT = "absent"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """Not to be told: a fragment, a quoted packet that was cut, a protocol that is not summed."""


def ones_sum(data: bytes) -> int:
    """The 16-bit ones' complement sum (RFC 1071, section 1), not complemented.

    >>> hex(ones_sum(bytes.fromhex("0001f203f4f5f6f7")))
    '0xddf2'
    """
    # The sum of 16-bit words is the number modulo 0xffff, with 0xffff for zero of a number that is not zero.
    number = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return number % 0xFFFF or (0xFFFF if number else 0)


def of_header(header: bytes) -> Checksum:
    """Of an IPv4 header with its options."""
    return Checksum.RIGHT if ones_sum(header) == 0xFFFF else Checksum.WRONG


def of_segment(
    source: IPAddress, destination: IPAddress, protocol: int, segment: bytes, *, unfinished: bool = False
) -> Checksum:
    """Of a whole TCP, UDP, ICMP or ICMPv6 message between these addresses.

    unfinished: the kernel said of the frame that a checksum in it is still to be written.
    """
    at = _FIELD.get(protocol)
    if at is None or len(segment) < at + 2:
        return Checksum.UNKNOWN
    written = int.from_bytes(segment[at : at + 2], "big")
    if protocol == _UDP and written == 0:
        return Checksum.ABSENT if source.version == 4 else Checksum.WRONG
    pseudo = _pseudo_header(source, destination, protocol, len(segment)) if protocol != _ICMP else b""
    if ones_sum(pseudo + segment) == 0xFFFF:
        return Checksum.RIGHT
    if unfinished and written == ones_sum(pseudo):
        return Checksum.PARTIAL
    return Checksum.WRONG


def completed(protocol: int, segment: bytes) -> bytes:
    """A message with the checksum that a card would write where only the pseudo-header's sum stands."""
    at = _FIELD[protocol]
    checksum = 0xFFFF - ones_sum(segment)
    # UDP writes a sum of zero as its complement: zero means that there is none (RFC 768).
    return segment[:at] + (checksum or 0xFFFF).to_bytes(2, "big") + segment[at + 2 :]


def _pseudo_header(source: IPAddress, destination: IPAddress, protocol: int, length: int) -> bytes:
    if source.version == 4:
        return source.packed + destination.packed + protocol.to_bytes(2, "big") + length.to_bytes(2, "big")
    return source.packed + destination.packed + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")
