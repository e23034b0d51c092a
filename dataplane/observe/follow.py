"""Knows one packet wherever it is: by its protocol and the number that its sender chose."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from dataplane.observe.dissect import VXLAN_PORT, Packet, dissect
from dataplane.observe.journey import Course, Ends, Sighting
from dataplane.observe.marking import ICMP, ICMPV6, TCP, UDP, Mark
from dataplane.observe.taps import Frame

_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
_ECHO_REQUESTS = (8, 128)
_TCP_FLAGS, _SYN = 13, b"\x02"


@dataclass(frozen=True, slots=True)
class Follower:
    """Tells of frames and headers whether they are the marked packet's, and which way they go."""

    mark: Mark

    def wanted(self, frame: bytes) -> bool:
        """A quick look: can this frame be ours?"""
        return self.mark.number.to_bytes(2, "big") in frame

    def sighting(self, frame: Frame) -> Sighting | None:
        """The frame as a sighting; None when it is somebody else's."""
        packet = dissect(frame.data)
        outer = None
        if packet is not None and packet.vni is not None and packet.inner is not None:
            packet, outer = packet.inner, packet
        if packet is None or (course := self.course(packet)) is None:
            return None
        mac = frame.data[:6].hex(":")
        return Sighting(
            frame.time_ns,
            frame.netns,
            frame.interface,
            frame.outgoing,
            course,
            packet,
            outer,
            mac,
            frame.strange,
        )

    def course(self, packet: Packet) -> Course | None:
        """Which way a packet goes; None when it is not ours."""
        if packet.is_error:
            inner = packet.inner
            return Course.ERROR if inner is not None and self._ours(inner) else None
        if not self._ours(packet):
            return None
        if self.mark.protocol in (ICMP, ICMPV6):
            return Course.REQUEST if packet.icmp_type in _ECHO_REQUESTS else Course.REPLY
        if packet.source_port != self.mark.number:
            return Course.REPLY
        # The sender's kernel resets a connection that it never asked for: not the packet that was sent.
        return Course.REQUEST if packet.protocol != "tcp" or packet.flags == "S" else None

    def _ours(self, packet: Packet) -> bool:
        same = packet.protocol == _NAMES.get(self.mark.protocol)
        return same and self.mark.number in (packet.source_port, packet.destination_port)

    def judged(self, network: bytes, transport: bytes) -> tuple[Course | None, Ends] | None:
        """Course and ends from a trace event's headers. None: not ours.

        The course is None for a tunnel's packet, whose inside an event does not show: only its
        addresses can tell.
        """
        ends = read_ends(network, transport)
        if ends is None:
            return None
        if ends.protocol == self.mark.protocol:
            if ends.protocol in (ICMP, ICMPV6):
                if int.from_bytes(transport[4:6], "big") == self.mark.number and transport[0] in (
                    0,
                    8,
                    128,
                    129,
                ):
                    return (Course.REQUEST if transport[0] in _ECHO_REQUESTS else Course.REPLY), ends
            elif ends.source_port == self.mark.number:
                first = ends.protocol != TCP or transport[_TCP_FLAGS : _TCP_FLAGS + 1] == _SYN
                return (Course.REQUEST, ends) if first else None
            elif ends.destination_port == self.mark.number:
                return Course.REPLY, ends
        if ends.protocol in (ICMP, ICMPV6):
            return Course.ERROR, ends
        if ends.protocol == UDP and ends.destination_port == VXLAN_PORT:
            return None, ends
        return None


def read_ends(network: bytes, transport: bytes) -> Ends | None:
    """Addresses, ports and TTL from the first bytes of an IP and a transport header; None when too short."""
    if not network:
        return None
    ports = struct.unpack_from(">HH", transport) if len(transport) >= 4 else (0, 0)
    if network[0] >> 4 == 4 and len(network) >= 20:
        protocol, ttl = network[9], network[8]
        source, destination = IPv4Address(network[12:16]), IPv4Address(network[16:20])
        if protocol == ICMP:
            ports = (0, 0)
        return Ends(source, ports[0], destination, ports[1], protocol, ttl)
    if network[0] >> 4 == 6 and len(network) >= 40:
        protocol, ttl = network[6], network[7]
        if protocol == ICMPV6:
            ports = (0, 0)
        return Ends(
            IPv6Address(network[8:24]), ports[0], IPv6Address(network[24:40]), ports[1], protocol, ttl
        )
    return None
