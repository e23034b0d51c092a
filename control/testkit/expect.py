"""What a test expects to see on a wire: values that equal a packet in every field that was named.

``wire.at(ann.eth0).requests == [tcp(ann.ip[family], door.ip[family], dport=80)]``
"""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from dataplane.model.address import IPAddress
from dataplane.observe.dissect import VXLAN_PORT, Packet

Address = IPAddress | str | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expected:
    """A packet of which only some fields matter; ``protocols`` are names, any of them will do."""

    protocols: tuple[str, ...]
    fields: dict[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Packet):
            return not self.differences(other)
        if isinstance(other, Expected):
            return (self.protocols, self.fields) == (other.protocols, other.fields)
        return NotImplemented

    def differences(self, packet: Packet) -> list[str]:
        """What of the packet is not as expected, field by field: ``ttl is 63, not 64``; empty when it is equal."""
        if packet.protocol not in self.protocols:
            return [f"it is {packet.protocol}, not {self.protocols[0]}"]
        found = []
        for name, wanted in self.fields.items():
            have = getattr(packet, name)
            if isinstance(wanted, Expected) and isinstance(have, Packet):
                found += [f"inside, {difference}" for difference in wanted.differences(have)]
            elif have != wanted:
                found.append(f"{name.replace('_', ' ')} is {have}, not {wanted}")
        return found

    def __hash__(self) -> int:
        return hash(self.protocols)

    def __repr__(self) -> str:
        def end(address: str, port: str) -> str:
            known = self.fields.get(address, "any")
            if port not in self.fields:
                return str(known)
            return f"[{known}]:{self.fields[port]}" if ":" in str(known) else f"{known}:{self.fields[port]}"

        source, destination = end("source", "source_port"), end("destination", "destination_port")
        ends = ("source", "destination", "source_port", "destination_port")
        rest = [f"{name}={value!r}" for name, value in self.fields.items() if name not in ends]
        return f"{self.protocols[0]}({', '.join([f'{source} → {destination}', *rest])})"


def _address(value: Address) -> IPAddress | None:
    return ip_address(value) if isinstance(value, str) else value


def _expected(protocols: tuple[str, ...], **fields: Any) -> Expected:
    return Expected(protocols, {name: value for name, value in fields.items() if value is not None})


def tcp(  # noqa: PLR0913 (the fields of a header)
    src: Address = None,
    dst: Address = None,
    *,
    sport: int | None = None,
    dport: int | None = None,
    ttl: int | None = None,
    flags: str | None = None,
    payload: bytes | None = None,
) -> Expected:
    """A TCP segment; flags in scapy's letters, ``S`` for a SYN."""
    return _expected(
        ("tcp",),
        source=_address(src),
        destination=_address(dst),
        source_port=sport,
        destination_port=dport,
        ttl=ttl,
        flags=flags,
        payload=payload,
    )


def udp(  # noqa: PLR0913 (the fields of a header)
    src: Address = None,
    dst: Address = None,
    *,
    sport: int | None = None,
    dport: int | None = None,
    ttl: int | None = None,
    payload: bytes | None = None,
    vni: int | None = None,
) -> Expected:
    """A UDP datagram; vni: one that carries a VXLAN frame of that number."""
    return _expected(
        ("udp",),
        source=_address(src),
        destination=_address(dst),
        source_port=sport,
        destination_port=dport,
        ttl=ttl,
        payload=payload,
        vni=vni,
    )


def vxlan(
    src: Address = None,
    dst: Address = None,
    *,
    vni: int | None = None,
    ttl: int | None = None,
    carries: Expected | None = None,
) -> Expected:
    """A VXLAN frame between nodes (UDP 4789); vni: its network; ttl: the outer one; carries: the packet in it."""
    return _expected(
        ("udp",),
        source=_address(src),
        destination=_address(dst),
        destination_port=VXLAN_PORT,
        ttl=ttl,
        vni=vni,
        inner=carries,
    )


def icmp(  # noqa: PLR0913 (the fields of a header)
    src: Address = None,
    dst: Address = None,
    *,
    type: int | None = None,  # noqa: A002 (the field's word)
    code: int | None = None,
    ttl: int | None = None,
    mtu: int | None = None,
    about: Expected | None = None,
) -> Expected:
    """An ICMP or ICMPv6 message; about: the packet that an error quotes; mtu: what would have fitted."""
    return _expected(
        ("icmp", "icmpv6"),
        source=_address(src),
        destination=_address(dst),
        icmp_type=type,
        icmp_code=code,
        ttl=ttl,
        mtu_bytes=mtu,
        inner=about,
    )


def ttl_exceeded(
    src: Address = None, dst: Address = None, *, ttl: int | None = None, about: Expected | None = None
) -> Expected:
    """Time exceeded in transit, of the family of its addresses (RFC 792; RFC 4443, section 3.3)."""
    kind = 3 if _is_v6(src, dst) else 11
    return icmp(src, dst, type=kind, code=0, ttl=ttl, about=about)


def too_big(
    src: Address = None,
    dst: Address = None,
    *,
    mtu: int | None = None,
    ttl: int | None = None,
    about: Expected | None = None,
) -> Expected:
    """Fragmentation needed, or packet too big (RFC 1191; RFC 4443, section 3.2); mtu: what would have fitted."""
    kind, code = (2, 0) if _is_v6(src, dst) else (3, 4)
    return icmp(src, dst, type=kind, code=code, ttl=ttl, mtu=mtu, about=about)


def _is_v6(*addresses: Address) -> bool:
    known = [address for address in map(_address, addresses) if address is not None]
    if not known:
        raise ValueError("which ICMP it is follows from an address: name src or dst")
    return known[0].version == 6
