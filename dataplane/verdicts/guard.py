"""No pod sends from an address that is not its own: table ``bridge podwire-guard``, at each pod's port.

Identity follows from the source address, so a forged one would be somebody else's rights. On ``cni0`` the
`inet` hooks see only the bridge; here the port is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from dataplane.model.address import IPAddress, MacAddress
from dataplane.model.origin import Origin
from dataplane.nft import datatype as t
from dataplane.nft import field as f
from dataplane.nft.action import Counter
from dataplane.nft.element import Element, Key
from dataplane.nft.ruleset import Chain, Hook, Set, Table, rule
from dataplane.nft.statement import ACCEPT, DROP, InSet, Match

FAMILY, NAME = "bridge", "podwire-guard"
EMPTY = Table(FAMILY, NAME)
SOURCES4 = Set("sources4", Key.of(t.IFNAME, t.ETHER_ADDR, t.IPV4_ADDR))
SOURCES6 = Set("sources6", Key.of(t.IFNAME, t.ETHER_ADDR, t.IPV6_ADDR))
_UNSPECIFIED = ip_address("::")
_FORGED = "source address is not this pod's"


@dataclass(frozen=True, slots=True)
class PortSources:
    """What a pod's port may send from. interface: the node's end. addresses: the pod's own."""

    interface: str
    mac: MacAddress
    addresses: tuple[IPAddress, ...]
    origin: Origin = field(compare=False)


def guard_table(ports: Iterable[PortSources]) -> Table:
    """The whole table.

    Checked: IPv4 and IPv6 sources, and the sender that an ARP message claims. Before it has an address
    a host asks for neighbours and listens from ``::`` (RFC 4861, 3810): only those messages pass.
    """
    ports = list(ports)
    rules = (
        rule(InSet((f.IIFNAME, f.ETHER_SADDR, f.IP_SADDR), SOURCES4.name, negate=True), Counter(), DROP,
             comment=_FORGED),
        rule(InSet((f.IIFNAME, f.ARP_SADDR_ETHER, f.ARP_SADDR_IP), SOURCES4.name, negate=True), Counter(),
             DROP, comment=_FORGED),
        rule(Match(f.IP6_SADDR, _UNSPECIFIED), Match(f.ICMPV6_TYPE, 135), ACCEPT),
        rule(Match(f.IP6_SADDR, _UNSPECIFIED), Match(f.ICMPV6_TYPE, 143), ACCEPT),
        rule(InSet((f.IIFNAME, f.ETHER_SADDR, f.IP6_SADDR), SOURCES6.name, negate=True), Counter(), DROP,
             comment=_FORGED),
    )  # fmt: skip
    sets = (
        SOURCES4.with_elements(e for port in ports for e in elements4(port)),
        SOURCES6.with_elements(e for port in ports for e in elements6(port)),
    )
    return Table(FAMILY, NAME, sets, (Chain("prerouting", rules, Hook("filter", "prerouting", -300)),))


def elements4(port: PortSources) -> list[Element]:
    """The port's IPv4 sources."""
    return [
        SOURCES4.element(port.interface, port.mac, address, comment=port.origin.comment())
        for address in port.addresses
        if isinstance(address, IPv4Address)
    ]


def elements6(port: PortSources) -> list[Element]:
    """The port's IPv6 sources, the link-local one that follows from its MAC among them."""
    own = [address for address in port.addresses if isinstance(address, IPv6Address)]
    return [
        SOURCES6.element(port.interface, port.mac, address, comment=port.origin.comment())
        for address in (*own, link_local(port.mac))
    ]


def link_local(mac: MacAddress) -> IPv6Address:
    """fe80:: and the modified EUI-64 of a MAC (RFC 4291, appendix A).

    >>> str(link_local(MacAddress.parse("0a:58:0a:f4:01:05")))
    'fe80::858:aff:fef4:105'
    """
    packed = mac.packed
    interface = bytes([packed[0] ^ 2]) + packed[1:3] + b"\xff\xfe" + packed[3:]
    return IPv6Address(b"\xfe\x80" + bytes(6) + interface)
