"""A captured frame as a value: who to whom, through which ports, and what is inside. Read by scapy, late."""

from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any

from dataplane.model.address import IPAddress
from dataplane.observe.checksum import Checksum, completed, of_header, of_segment

VXLAN_PORT = 4789
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}


@dataclass(frozen=True, slots=True, repr=False)
class Packet:
    """One IP packet.

    protocol: tcp, udp, sctp, icmp, icmpv6, else its number as text. ttl: the hop limit for IPv6.
    source_port, destination_port: for an ICMP echo both are its identifier; None where there are none.
    flags: of TCP, in scapy's letters (``S`` SYN, ``SA`` SYN and ACK). length_bytes: of the IP packet.
    inner: what VXLAN carries, or the packet that an ICMP error is about. vni: of VXLAN.
    mtu_bytes: what a "too big" says would have fitted. checksum: the worst of the IP header's and the transport's;
    what VXLAN carries has its own.
    """

    source: IPAddress
    destination: IPAddress
    protocol: str
    ttl: int
    length_bytes: int
    source_port: int | None = None
    destination_port: int | None = None
    flags: str = ""
    icmp_type: int | None = None
    icmp_code: int | None = None
    fragment: bool = False
    payload: bytes = b""
    inner: "Packet | None" = None
    vni: int | None = None
    mtu_bytes: int | None = None
    checksum: Checksum = Checksum.UNKNOWN

    def __repr__(self) -> str:
        def end(address: IPAddress, port: int | None) -> str:
            shown = f"[{address}]" if address.version == 6 and port is not None else str(address)
            return shown if port is None else f"{shown}:{port}"

        ports = self.protocol in ("tcp", "udp", "sctp")
        source = end(self.source, self.source_port if ports else None)
        destination = end(self.destination, self.destination_port if ports else None)
        more = [f"ttl={self.ttl}"]
        if self.flags:
            more.append(self.flags)
        if self.icmp_type is not None:
            more.append(f"type={self.icmp_type}/{self.icmp_code}")
        if self.vni is not None:
            more.append(f"vni={self.vni}")
        if self.mtu_bytes is not None:
            more.append(f"mtu={self.mtu_bytes}")
        if self.checksum is not Checksum.UNKNOWN and self.checksum is not Checksum.RIGHT:
            more.append(f"checksum={self.checksum}")
        if self.inner is not None:
            more.append(f"inner={self.inner!r}")
        return f"{self.protocol}({source} → {destination}, {', '.join(more)})"

    @property
    def is_error(self) -> bool:
        """An ICMP error: unreachable, too big, time exceeded, bad parameter."""
        if self.protocol == "icmp":
            return self.icmp_type in (3, 4, 5, 11, 12)
        return self.protocol == "icmpv6" and self.icmp_type is not None and self.icmp_type < 128

    @property
    def is_housekeeping(self) -> bool:
        """Neighbour discovery, router discovery or multicast listening: what a link does by itself."""
        return self.protocol == "icmpv6" and self.icmp_type is not None and 130 <= self.icmp_type <= 143

    @property
    def flow(self) -> tuple[str, IPAddress, int | None, IPAddress, int | None]:
        """Protocol and ends, in this packet's direction."""
        return self.protocol, self.source, self.source_port, self.destination, self.destination_port

    @property
    def reverse_flow(self) -> tuple[str, IPAddress, int | None, IPAddress, int | None]:
        """The flow of an answer to this packet."""
        return self.protocol, self.destination, self.destination_port, self.source, self.source_port


@cache
def _layers() -> Any:
    """scapy's classes for what we read; 0.3 s at the first call, so never at import."""
    from types import SimpleNamespace

    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
    from scapy.layers.inet6 import IPerror6, IPv6, IPv6ExtHdrFragment
    from scapy.layers.l2 import Ether
    from scapy.layers.sctp import SCTP
    from scapy.layers.vxlan import VXLAN

    return SimpleNamespace(**{layer.__name__: layer for layer in (
        Ether, IP, IPv6, IPv6ExtHdrFragment, TCP, UDP, SCTP, ICMP, VXLAN, IPerror, IPerror6,
    )})  # fmt: skip


def dissect(frame: bytes, *, unfinished: bool = False) -> Packet | None:
    """The packet in an Ethernet frame; None for a frame that carries no IP (ARP, for one).

    unfinished: the kernel said of the frame that a checksum in it is still to be written.
    """
    return _packet(_layers().Ether(frame), unfinished=unfinished)


def as_scapy(frame: bytes) -> Any:
    """An Ethernet frame as scapy's packet, for those who think in its layers."""
    return _layers().Ether(frame)


def _packet(frame: Any, *, unfinished: bool) -> Packet | None:
    known = _layers()
    ip = frame.getlayer(known.IP) or frame.getlayer(known.IPv6)
    if ip is None:
        return None
    fields = _version4(ip) if ip.version == 4 else _version6(ip)
    fields["checksum"] = _checksum(ip, fields, unfinished=unfinished)
    kind = {"tcp": known.TCP, "udp": known.UDP, "sctp": known.SCTP}.get(fields["protocol"])
    transport = ip.getlayer(kind) if kind is not None else None
    if transport is None:
        quoted = ip.getlayer(known.IPerror) or ip.getlayer(known.IPerror6)
        return Packet(**fields, **_icmp(ip), inner=None if quoted is None else _about(quoted))
    ports: dict[str, Any] = {"source_port": int(transport.sport), "destination_port": int(transport.dport)}
    if isinstance(transport, known.UDP) and ip.haslayer(known.VXLAN):
        tunnel = ip[known.VXLAN]
        carried = _packet(tunnel.payload, unfinished=unfinished)
        if carried is not None and carried.checksum is Checksum.PARTIAL:
            fields["checksum"] = _around_unfinished(ip, tunnel, fields)
        return Packet(**fields, **ports, vni=int(tunnel.vni), inner=carried)
    flags = str(transport.flags) if isinstance(transport, known.TCP) else ""
    return Packet(**fields, **ports, flags=flags, payload=bytes(transport.payload))


def _checksum(ip: Any, fields: dict[str, Any], *, unfinished: bool) -> Checksum:
    """The worst of the IP header's and the transport's; Ethernet's padding is not part of the packet."""
    whole: bytes = ip.original[: fields["length_bytes"]]
    header = ip.ihl * 4 if ip.version == 4 else 40
    if ip.version == 4 and of_header(whole[:header]) is Checksum.WRONG:
        return Checksum.WRONG
    number = ip.proto if ip.version == 4 else ip.nh
    if fields["fragment"] or len(whole) < fields["length_bytes"]:
        return Checksum.UNKNOWN
    return of_segment(
        fields["source"], fields["destination"], number, whole[header:], unfinished=unfinished
    )  # fmt: skip


def _around_unfinished(ip: Any, tunnel: Any, fields: dict[str, Any]) -> Checksum:
    """The outer checksum of a tunnel whose inner one is PARTIAL: written for the time when that one is complete.

    Linux' local checksum offload (``Documentation/networking/checksum-offloads.rst``): PARTIAL when it fits.
    """
    known = _layers()
    inner = tunnel.getlayer(known.IP) or tunnel.getlayer(known.IPv6)
    read = _version4(inner) if inner.version == 4 else _version6(inner)
    number, header = (inner.proto, inner.ihl * 4) if inner.version == 4 else (inner.nh, 40)
    segment: bytes = inner.original[header : read["length_bytes"]]
    begin: int = ip.ihl * 4 if ip.version == 4 else 40
    whole: bytes = ip.original[begin : fields["length_bytes"]]
    then = whole[: -len(segment)] + completed(number, segment)
    outer = of_segment(fields["source"], fields["destination"], 17, then, unfinished=True)
    return Checksum.PARTIAL if outer is Checksum.RIGHT else outer


def _version4(ip: Any) -> dict[str, Any]:
    return {
        "source": ip_address(ip.src),
        "destination": ip_address(ip.dst),
        "protocol": _PROTOCOLS.get(ip.proto, str(ip.proto)),
        "ttl": int(ip.ttl),
        "length_bytes": int(ip.len),
        "fragment": bool(ip.frag or "MF" in str(ip.flags)),
    }


def _version6(ip: Any) -> dict[str, Any]:
    header = ip.payload
    number = ip.nh
    while hasattr(header, "nh") and number in (0, 43, 44, 60):
        number, header = header.nh, header.payload
    return {
        "source": ip_address(ip.src),
        "destination": ip_address(ip.dst),
        "protocol": _PROTOCOLS.get(number, str(number)),
        "ttl": int(ip.hlim),
        "length_bytes": int(ip.plen) + 40,
        "fragment": ip.haslayer(_layers().IPv6ExtHdrFragment),
    }


def _icmp(ip: Any) -> dict[str, Any]:
    """Type, code and an echo's identifier, of either ICMP."""
    header = ip.getlayer(_layers().ICMP) if ip.version == 4 else ip.payload
    if header is None or not hasattr(header, "type") or not hasattr(header, "code"):
        return {}
    found: dict[str, Any] = {"icmp_type": int(header.type), "icmp_code": int(header.code)}
    echo, too_big = ((0, 8), (3, 4)) if ip.version == 4 else ((128, 129), (2, 0))
    if found["icmp_type"] in echo:
        found |= {"source_port": int(header.id), "destination_port": int(header.id)}
        found["payload"] = bytes(header.data) if hasattr(header, "data") else bytes(header.payload)
    if (found["icmp_type"], found["icmp_code"]) == too_big:
        found["mtu_bytes"] = int(header.nexthopmtu if ip.version == 4 else header.mtu)
    return found


def _about(error: Any) -> Packet:
    """The packet quoted in an ICMP error. It may be cut short: its IPv4 header is checked, its transport is not."""
    fields = _version4(error) if error.version == 4 else _version6(error)
    if error.version == 4:
        header = of_header(error.original[: error.ihl * 4])
        fields["checksum"] = Checksum.UNKNOWN if header is Checksum.RIGHT else header
    quoted = error.payload
    if hasattr(quoted, "sport") and hasattr(quoted, "dport"):
        fields |= {"source_port": int(quoted.sport), "destination_port": int(quoted.dport)}
        fields["payload"] = bytes(quoted.payload)
    return Packet(**fields)
