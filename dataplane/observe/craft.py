"""Packets made by hand, byte for byte as asked; scapy writes them, imported at the first call."""

import socket
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from dataplane.errors import LinkError
from dataplane.model.address import IPAddress, MacAddress
from dataplane.netns.enter import run_inside


@dataclass(frozen=True, slots=True)
class Ends:
    """Who to whom. ttl: the hop limit for IPv6. dont_fragment: IPv4 only; IPv6 never fragments on the way."""

    source: IPAddress
    destination: IPAddress
    ttl: int = 64
    dont_fragment: bool = True


def udp(ends: Ends, sport: int, dport: int, payload: bytes = b"") -> bytes:
    """A UDP datagram in its IP packet."""
    known = _layers()
    return bytes(_ip(ends) / known.UDP(sport=sport, dport=dport) / known.Raw(payload))


def tcp(ends: Ends, sport: int, dport: int, flags: str = "S", payload: bytes = b"") -> bytes:
    """A TCP segment in its IP packet; flags in scapy's letters."""
    known = _layers()
    return bytes(_ip(ends) / known.TCP(sport=sport, dport=dport, flags=flags, seq=1) / known.Raw(payload))


def echo(ends: Ends, identifier: int, sequence: int = 1, payload: bytes = b"") -> bytes:
    """An ICMP or ICMPv6 echo request in its IP packet."""
    known = _layers()
    if ends.source.version == 4:
        return bytes(_ip(ends) / known.ICMP(type=8, id=identifier, seq=sequence) / known.Raw(payload))
    return bytes(_ip(ends) / known.ICMPv6EchoRequest(id=identifier, seq=sequence, data=payload))


def sctp_init(ends: Ends, sport: int, dport: int) -> bytes:
    """The first chunk of an SCTP association (RFC 9260, section 3.3.2) in its IP packet."""
    from scapy.layers.sctp import SCTP, SCTPChunkInit

    init = SCTPChunkInit(init_tag=1, a_rwnd=65_536, n_out_streams=1, n_in_streams=1, init_tsn=1)
    return bytes(_ip(ends) / SCTP(sport=sport, dport=dport, tag=0) / init)


def vxlan(ends: Ends, vni: int, frame: bytes, sport: int = 49_152, dport: int = 4789) -> bytes:
    """An Ethernet frame inside VXLAN, UDP and IP (RFC 7348, section 5)."""
    known = _layers()
    tunnel = known.VXLAN(vni=vni, flags=0x08) / known.Raw(frame)
    return bytes(_ip(ends) / known.UDP(sport=sport, dport=dport) / tunnel)


def frame(packet: bytes, source: MacAddress, destination: MacAddress) -> bytes:
    """An IP packet in an Ethernet frame."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return destination.packed + source.packed + kind + packet


def inject(netns: str, interface: str, *frames: bytes) -> None:
    """Send frames out of an interface as they are, past everything of IP in that namespace.

    Raises NamespaceGone, and LinkError when there is no such interface or it refuses a frame.
    """

    def send() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as raw:
            raw.bind((interface, 0))
            for each in frames:
                raw.send(each)

    try:
        run_inside(netns, send)
    except OSError as error:
        raise LinkError(netns, f"can't send a frame out of {interface}", str(error)) from error


def _ip(ends: Ends) -> Any:
    known = _layers()
    source, destination = str(ends.source), str(ends.destination)
    if ends.source.version == 4:
        flags = "DF" if ends.dont_fragment else 0
        return known.IP(src=source, dst=destination, ttl=ends.ttl, flags=flags)
    return known.IPv6(src=source, dst=destination, hlim=ends.ttl)


@cache
def _layers() -> Any:
    """scapy's classes for what we write; 0.3 s at the first call, so never at import."""
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
    from scapy.layers.vxlan import VXLAN
    from scapy.packet import Raw

    known = (ICMP, IP, TCP, UDP, ICMPv6EchoRequest, IPv6, VXLAN, Raw)
    return SimpleNamespace(**{layer.__name__: layer for layer in known})
