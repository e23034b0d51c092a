"""The links, addresses and routes that one namespace should have: what a plan comes to, ready to apply."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from dataplane.model.address import IPAddress, IPNetwork, MacAddress
from dataplane.model.topology import IPInterface

EVERYWHERE: dict[int, IPNetwork] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}
"""The default route's destination, by IP version."""


class LinkKind(StrEnum):
    """The kernel's name of a kind of link."""

    BRIDGE = "bridge"
    VETH = "veth"
    VXLAN = "vxlan"


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a veth, in a namespace of its own."""

    netns: str
    name: str
    mac: MacAddress


@dataclass(frozen=True, slots=True)
class Vxlan:
    """RFC 7348. local: outer source. parent: the link below, without which a wrong MTU is not refused."""

    vni: int
    port: int
    local: IPAddress
    parent: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is up.

    mtu: bytes of IP packet. master: the bridge it is a port of. hairpin: the bridge may send a frame back out
    of the port it came by. peer: for a veth made here; the end that came from elsewhere has none, and is
    only set right. alias: text shown by ``ip link``.
    """

    name: str
    kind: LinkKind
    mtu: int
    mac: MacAddress | None = None
    master: str = ""
    hairpin: bool = False
    peer: Peer | None = None
    vxlan: Vxlan | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """An address on a link."""

    link: str
    address: IPInterface


@dataclass(frozen=True, slots=True)
class Route:
    """onlink: the next hop is reachable by the link though no network says so. local: answered for here."""

    destination: IPNetwork
    link: str
    via: IPAddress | None = None
    onlink: bool = False
    local: bool = False


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A permanent neighbour: known, never asked for, and outside the machine's neighbour limit."""

    link: str
    address: IPAddress
    mac: MacAddress


@dataclass(frozen=True, slots=True)
class ForwardingEntry:
    """Behind which node of the underlay a MAC of the overlay is."""

    link: str
    mac: MacAddress
    remote: IPAddress


@dataclass(frozen=True, slots=True)
class Wiring:
    """All of one namespace; links in the order of making (masters and parents first).

    Bridges' neighbours and ports beyond these belong to others (pods).
    """

    netns: str
    links: tuple[Link, ...] = ()
    addresses: tuple[LinkAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    forwarding: tuple[ForwardingEntry, ...] = ()
