"""What a test expects to see on a wire: values that equal a packet in every field that was named.

``wire.at(ann.eth0).requests == [tcp(ann.ip[family], door.ip[family], dport=80)]``
"""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from dataplane.model.address import IPAddress
from dataplane.observe.dissect import Packet

Address = IPAddress | str | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expected:
    """A packet of which only some fields matter; ``protocols`` are names, any of them will do."""

    protocols: tuple[str, ...]
    fields: dict[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Packet):
            return other.protocol in self.protocols and all(
                getattr(other, name) == value for name, value in self.fields.items()
            )
        if isinstance(other, Expected):
            return (self.protocols, self.fields) == (other.protocols, other.fields)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.protocols)

    def __repr__(self) -> str:
        def end(address: str, port: str) -> str:
            shown = str(self.fields.get(address, "any"))
            return f"{shown}:{self.fields[port]}" if port in self.fields else shown

        source, destination = end("source", "source_port"), end("destination", "destination_port")
        ends = ("source", "destination", "source_port", "destination_port")
        rest = [f"{name}={value!r}" for name, value in self.fields.items() if name not in ends]
        return f"{self.protocols[0]}({', '.join([f'{source} → {destination}', *rest])})"


def _address(value: Address) -> IPAddress | None:
    return ip_address(value) if isinstance(value, str) else value


def _expected(protocols: tuple[str, ...], **fields: Any) -> Expected:
    return Expected(protocols, {name: value for name, value in fields.items() if value is not None})


def tcp(
    src: Address = None,
    dst: Address = None,
    *,
    sport: int | None = None,
    dport: int | None = None,
    ttl: int | None = None,
    flags: str | None = None,
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
    )


def udp(
    src: Address = None,
    dst: Address = None,
    *,
    sport: int | None = None,
    dport: int | None = None,
    ttl: int | None = None,
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
        vni=vni,
    )


def icmp(
    src: Address = None,
    dst: Address = None,
    *,
    type: int | None = None,  # noqa: A002 (the field's word)
    code: int | None = None,
    ttl: int | None = None,
    about: Expected | None = None,
) -> Expected:
    """An ICMP or ICMPv6 message; about: the packet that an error quotes."""
    return _expected(
        ("icmp", "icmpv6"),
        source=_address(src),
        destination=_address(dst),
        icmp_type=type,
        icmp_code=code,
        ttl=ttl,
        inner=about,
    )
