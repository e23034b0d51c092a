"""Services as an nftables table: pure, the same for the same values.

One look-up finds a packet's Service and the chain for its number of endpoints; that chain draws an endpoint
with ``numgen`` inside the key of one flat map. So the cost of a packet does not grow with the Services, and
a change touches its own elements only. No packet mark is used. What was not translated and should have been
is refused right after NAT, at priority -90, before it could leave by the default route.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from dataplane.model.address import Family, IPAddress, IPNetwork
from dataplane.model.service import Transport
from dataplane.nft import datatype, field
from dataplane.nft.action import Counter, Masquerade, NatKind, NatToMap, Refusal, Reject
from dataplane.nft.element import Element, Key
from dataplane.nft.expression import Selector, jhash, numgen
from dataplane.nft.ruleset import Chain, Hook, Rule, Set, Table, rule
from dataplane.nft.statement import DROP, RETURN, InSet, Match, Vmap, goto, jump
from dataplane.services.contract import ServiceNode

FAMILY, NAME = "inet", "podwire-services"
STICKY_SLOTS = 64
"""Of a Service with session affinity: a client's address picks a slot, a slot is an endpoint."""
_STICKY_SEED = 0x706F6477
_AFTER_NAT = -90
REFUSE, UNSERVED, UNTRANSLATED = "refuse", "unserved", "untranslated"
SERVICES, ENDPOINTS, REFUSED, HAIRPIN, INSIDE = "services", "endpoints", "refused", "hairpin", "inside"
"""Sets and maps, one each a family."""


@dataclass(frozen=True, slots=True)
class Side:
    """One family's names and selectors."""

    family: Family
    saddr: Selector
    daddr: Selector
    original_daddr: Selector
    address: datatype.DataType
    icmp: str

    def named(self, what: str) -> str:
        """Name of this family's set or map."""
        return f"{what}{self.family.value}"

    @property
    def key(self) -> tuple[Selector, ...]:
        """What names a Service's port in a packet."""
        return (self.daddr, field.L4PROTO, field.TH_DPORT)

    @property
    def services(self) -> Set:
        """Service port → the chain that draws an endpoint."""
        return Set(self.named(SERVICES), Key.typeof(*self.key), verdicts=True)

    @property
    def refused(self) -> Set:
        """Service port without endpoints → the chain that says so."""
        return Set(self.named(REFUSED), Key.typeof(*self.key), verdicts=True)

    @property
    def endpoints(self) -> Set:
        """Service port and number → endpoint. The modulus in the type stands for any."""
        data = Key.typeof(self.daddr, field.TH_DPORT)
        return Set(self.named(ENDPOINTS), Key.typeof(*self.key, numgen(2)), data=data)

    @property
    def hairpin(self) -> Set:
        """Local endpoints, twice: who comes from itself by a Service."""
        return Set(self.named(HAIRPIN), Key.typeof(self.saddr, self.daddr))

    @property
    def inside(self) -> Set:
        """Networks to which pods' packets keep their source."""
        return Set(self.named(INSIDE), Key.of(self.address), interval=True)

    def cidrs(self, among: Iterable[IPNetwork]) -> list[IPNetwork]:
        """Those of this family."""
        return [cidr for cidr in among if Family.of(cidr) is self.family]


SIDES = {
    Family.V4: Side(
        Family.V4, field.IP_SADDR, field.IP_DADDR, field.CT_ORIGINAL_IP_DADDR, datatype.IPV4_ADDR, "icmp"
    ),
    Family.V6: Side(
        Family.V6,
        field.IP6_SADDR,
        field.IP6_DADDR,
        field.CT_ORIGINAL_IP6_DADDR,
        datatype.IPV6_ADDR,
        "ipv6-icmp",
    ),
}


def kept_set(transport: Transport) -> Set:
    """NodePorts of ``externalTrafficPolicy: Local``: their clients' addresses are kept."""
    return Set(kept_name(transport), Key.of(datatype.INET_SERVICE))


def kept_name(transport: Transport) -> str:
    """Its name."""
    return f"kept-{transport.name.lower()}"


def spread(endpoints: int) -> str:
    """Name of the chain that draws one of so many endpoints."""
    return f"spread-{endpoints}"


STICKY = "sticky"


def spread_chain(node: ServiceNode, name: str) -> Chain:
    """A chain that draws an endpoint: by number at random, or by the client's address."""
    rules = []
    for side in _sides(node):
        if name == STICKY:
            index: Selector = jhash(side.saddr, modulus=STICKY_SLOTS, seed=_STICKY_SEED)
        else:
            index = numgen(int(name.rpartition("-")[2]))
        rules.append(
            rule(NatToMap(NatKind.DESTINATION, side.family, (*side.key, index), side.endpoints.name))
        )
    return Chain(name, tuple(rules))


def skeleton(node: ServiceNode, spreads: Iterable[str] = ()) -> Table:
    """The table without any Service; ``spreads``: the drawing chains that it has."""
    sides = _sides(node)
    sets = [each for side in sides for each in (side.services, side.endpoints, side.refused, side.hairpin)]
    insides = [side.inside.with_elements(_inside(side, node)) for side in sides]
    chains = [
        Chain(REFUSE, _refuse()),
        Chain(UNSERVED, (rule(Counter(), DROP),)),
        *(spread_chain(node, name) for name in sorted(spreads, key=_spread_order)),
        Chain("services", tuple(rule(Vmap(side.key, side.services.name)) for side in sides)),
        Chain(UNTRANSLATED, tuple(_untranslated(node))),
        Chain("external", tuple(_external())),
        Chain("prerouting", (rule(jump("services")),), Hook("nat", "prerouting", -100)),
        Chain("output", (rule(jump("services")),), Hook("nat", "output", -100)),
        Chain("refusal", (rule(jump(UNTRANSLATED)),), Hook("filter", "prerouting", _AFTER_NAT)),
        Chain("refusal-out", (rule(jump(UNTRANSLATED)),), Hook("filter", "output", _AFTER_NAT)),
        Chain("postrouting", tuple(_postrouting(node)), Hook("nat", "postrouting", 100)),
    ]
    return Table(FAMILY, NAME, (*sets, *insides, *map(kept_set, Transport)), tuple(chains))


def _sides(node: ServiceNode) -> list[Side]:
    return [SIDES[family] for family in node.families]


def _spread_order(name: str) -> tuple[bool, int]:
    return (name == STICKY, 0 if name == STICKY else int(name.rpartition("-")[2]))


def _inside(side: Side, node: ServiceNode) -> list[Element]:
    networks = side.cidrs((*node.cluster_cidrs, *node.service_cidrs, *node.node_cidrs))
    return [side.inside.element(network) for network in _merged(networks)]


def _merged(networks: list[IPNetwork]) -> list[IPNetwork]:
    """Without those that lie inside others: an interval set has no overlaps."""
    return [
        each
        for each in dict.fromkeys(networks)
        if not any(each != other and _within(each, other) for other in networks)
    ]


def _within(small: IPNetwork, large: IPNetwork) -> bool:
    if isinstance(small, IPv4Network) and isinstance(large, IPv4Network):
        return small.subnet_of(large)
    return isinstance(small, IPv6Network) and isinstance(large, IPv6Network) and small.subnet_of(large)


def _refuse() -> tuple[Rule, ...]:
    """An out-of-window segment of a live connection is not translated either: a reset would kill it."""
    return (
        rule(Match(field.CT_STATE, "invalid"), DROP),
        rule(Match(field.L4PROTO, "tcp"), Reject(Refusal.TCP_RESET)),
        rule(Reject()),
    )


def _untranslated(node: ServiceNode) -> Iterable[Rule]:
    """Every packet comes here, NAT chains see only a flow's first: what is established needs no look-up."""
    yield rule(Match(field.CT_STATE, "established,related"), RETURN)
    for side in _sides(node):
        yield rule(Vmap(side.key, side.refused.name))
    for side in _sides(node):
        for cidr in side.cidrs(node.service_cidrs):
            echo = Match(field.L4PROTO, side.icmp)
            yield rule(Match(side.daddr, cidr), echo, Reject(Refusal.HOST_UNREACHABLE))
            yield rule(Match(side.daddr, cidr), goto(REFUSE))


def _external() -> Iterable[Rule]:
    for transport in Transport:
        keep = InSet((field.CT_ORIGINAL_PROTO_DST,), kept_name(transport))
        yield rule(Match(field.L4PROTO, transport.value), keep, RETURN)
    yield rule(Counter(), Masquerade())


def _postrouting(node: ServiceNode) -> Iterable[Rule]:
    translated = Match(field.CT_STATUS, "dnat")
    for side in _sides(node):
        yield rule(
            InSet((side.saddr, side.daddr), side.hairpin.name),
            translated,
            Counter(),
            Masquerade(),
            comment="hairpin",
        )
        for address in _own(side, node):
            yield rule(translated, Match(side.original_daddr, address), jump("external"), comment="NodePort")
        pods = side.cidrs(node.cluster_cidrs)
        from_elsewhere = [Match(side.saddr, cidr, negate=True) for cidr in pods]
        for cidr in side.cidrs(node.service_cidrs):
            to_service = Match(side.original_daddr, cidr)
            yield rule(
                *from_elsewhere,
                translated,
                to_service,
                Counter(),
                Masquerade(),
                comment="from outside the pods",
            )
        outside = InSet((side.daddr,), side.inside.name, negate=True)
        for cidr in pods:
            yield rule(
                Match(side.saddr, cidr), outside, Counter(), Masquerade(), comment="leaves the cluster"
            )


def _own(side: Side, node: ServiceNode) -> list[IPAddress]:
    return [address for address in node.addresses if Family.of(address) is side.family]
