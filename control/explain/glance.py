"""One line a packet, with names instead of addresses: what `capture --live` prints. Quick, from the frame alone."""

from dataclasses import dataclass

from control.explain.atlas import Atlas
from dataplane.model.address import IPAddress
from dataplane.observe.dissect import VXLAN_PORT
from dataplane.observe.follow import read_ends
from dataplane.observe.journey import Ends

_ETHERNET = 14
_KINDS = {b"\x08\x00": 4, b"\x86\xdd": 6}
_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58
_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
_FLAGS = "FSRPAU"
_VXLAN_BYTES = 16  # UDP's and VXLAN's headers


@dataclass(frozen=True, slots=True)
class Glance:
    """What a frame says at a glance. flags: of TCP, or an ICMP type. outer: the tunnel's ends."""

    ends: Ends
    flags: str
    outer: Ends | None = None


def glance(frame: bytes) -> Glance | None:
    """Read a frame's headers; None for what is not IP, or cut too short."""
    kind = _KINDS.get(frame[12:14])
    if kind is None:
        return None
    at = _ETHERNET
    header = (frame[at] & 0xF) * 4 if kind == 4 and len(frame) > at else 40
    ends = read_ends(frame[at : at + max(header, 20)], frame[at + header :])
    if ends is None:
        return None
    transport = frame[at + header :]
    if ends.protocol == _UDP and ends.destination_port == VXLAN_PORT:
        inner = glance(transport[_VXLAN_BYTES:])
        if inner is not None:
            return Glance(inner.ends, inner.flags, ends)
    return Glance(ends, _flags(ends.protocol, transport))


def _flags(protocol: int, transport: bytes) -> str:
    if protocol == _TCP and len(transport) > 13:
        return "".join(letter for bit, letter in enumerate(_FLAGS) if transport[13] >> bit & 1)
    if protocol in (_ICMP, _ICMPV6) and len(transport) > 1:
        return f"type {transport[0]}/{transport[1]}"
    return ""


class Namer:
    """Addresses by the names of their owners; each is asked for once."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._known: dict[IPAddress, str] = {}

    def name(self, address: IPAddress) -> str:
        """Whose address it is; the address itself for nobody's."""
        if address not in self._known:
            self._known[address] = self._atlas.who(address) or str(address)
        return self._known[address]

    def end(self, address: IPAddress, port: int) -> str:
        """An owner with a port; port 0: without."""
        name = self.name(address)
        bare = f"[{name}]" if port and ":" in name else name
        return f"{bare}:{port}" if port else name

    def all(self) -> dict[IPAddress, str]:
        """Every address of pods, Services and nodes that the API and the plan know."""
        addresses = [
            ip for pod in self._atlas.view.world.pods.values() if not pod.host_network for ip in pod.ips
        ]
        addresses += [port.address for port in self._atlas.view.services]
        for node in self._atlas.plan.fabric.nodes:
            addresses += [*node.addresses, *(gateway.ip for gateway in node.gateways)]
        return {address: self.name(address).replace(" ", "-") for address in addresses}

    def line(self, seen: Glance) -> str:
        """``shop/web-1:40112 → Service shop/api:80 tcp S, ttl 64``."""
        ends = seen.ends
        ports = ends.protocol not in (_ICMP, _ICMPV6) and (ends.source_port or ends.destination_port)
        source = f"{self.name(ends.source)}:{ends.source_port}" if ports else self.name(ends.source)
        target = (
            f"{self.name(ends.destination)}:{ends.destination_port}" if ports else self.name(ends.destination)
        )
        kind = _NAMES.get(ends.protocol, f"protocol {ends.protocol}")
        flags = f" {seen.flags}" if seen.flags else ""
        tunnel = (
            f" in VXLAN {self.name(seen.outer.source)} → {self.name(seen.outer.destination)}"
            if seen.outer
            else ""
        )
        return f"{source} → {target} {kind}{flags}, ttl {ends.ttl}{tunnel}"

    def comment(self, frame: bytes) -> str:
        """The Kubernetes objects at both ends of a frame; "" when neither has a name."""
        seen = glance(frame)
        if seen is None:
            return ""
        source, target = self.name(seen.ends.source), self.name(seen.ends.destination)
        known = source != str(seen.ends.source) or target != str(seen.ends.destination)
        return f"{source} → {target}" if known else ""
