"""Groups: pods that the same policies isolate in one direction share one table of what may pass."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dataplane.model.origin import Origin
from dataplane.model.verdict import FREE, AddressRange, Allowance, Direction, Form, PortRange
from policy.compile.identity import IdentityKey
from policy.compile.index import rules_of
from policy.compile.intervals import block_ranges, disjoint
from policy.compile.peers import EVERY_POD, PeerKey, PeerSets
from policy.model import BlockPeer, Policy, PortMatch, Rule
from policy.world import NamedPort, PodFacts

WHOLE = (0, 65535)
_ANY_IDENTITY = 1
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A group before its peers are looked up.

    ports: for ingress, the selected pods' own named ports that the rules ask for.
    """

    direction: Direction
    policies: tuple[Policy, ...]
    ports: frozenset[NamedPort]
    name: str = field(default=FREE, compare=False)

    @property
    def peer_keys(self) -> frozenset[PeerKey]:
        """Every set of peers that its rules need."""
        keys = set()
        for policy, rule in self.rules():
            if not rule.peers and self.direction is Direction.EGRESS and _names(rule):
                keys.add(EVERY_POD)
            keys |= {PeerKey.of(p, policy.namespace) for p in rule.peers if not isinstance(p, BlockPeer)}
        return frozenset(keys)

    def rules(self) -> Iterator[tuple[Policy, Rule]]:
        """All rules, with their policies."""
        for policy in self.policies:
            for rule in rules_of(policy, self.direction) or ():
                yield policy, rule


class PlanCache:
    """The groups of many pods at once: pods that the same policies select mostly share one."""

    def __init__(self) -> None:
        self._plans: dict[tuple[Direction, tuple[str, ...], frozenset[NamedPort]], GroupPlan | None] = {}

    def plan(self, direction: Direction, policies: tuple[Policy, ...], pod: PodFacts) -> GroupPlan | None:
        """The group of a pod that these policies isolate; None when nothing is forbidden to it."""
        if not policies:
            return None
        key = (direction, tuple(policy.key for policy in policies), pod.ports)
        if key not in self._plans:
            self._plans[key] = _plan(direction, policies, pod)
        return self._plans[key]


def _plan(direction: Direction, policies: tuple[Policy, ...], pod: PodFacts) -> GroupPlan | None:
    rules = [rule for policy in policies for rule in rules_of(policy, direction) or ()]
    if any(not rule.peers and not rule.ports for rule in rules):
        return None
    asked = {name for rule in rules for name in _names(rule)} if direction is Direction.INGRESS else set()
    group = GroupPlan(direction, policies, frozenset(port for port in pod.ports if port.name in asked))
    return GroupPlan(direction, policies, group.ports, _name(group))


def forms(group: GroupPlan) -> frozenset[Form]:
    """Every form that its rules can ask for, whoever the peers are at the moment."""
    found = {Form.IDENTITY, Form.IDENTITY_PORT}
    for _policy, rule in group.rules():
        peers: set[int | AddressRange | None] = set() if rule.peers else {None}
        for peer in rule.peers:
            peers |= set(block_ranges(peer)[:1]) if isinstance(peer, BlockPeer) else {_ANY_IDENTITY}
        for peer_form in peers:
            found |= {Form.of(Allowance(peer_form, ports)) for ports in _port_forms(rule, peer_form)}
    return frozenset(found)


def allows(
    group: GroupPlan, peers: PeerSets, identities: Mapping[int, IdentityKey]
) -> dict[Allowance, Origin]:
    """What the group lets pass now, ranges disjoint."""
    found: dict[Allowance, Origin] = {}
    for policy, rule in group.rules():
        for peer, origin in _peers(group, policy, rule, peers):
            for ports in _ports(group, rule, peer, identities):
                if peer is not None or ports is not None:
                    found.setdefault(Allowance(peer, ports), origin)
    return disjoint(found)


def _peers(
    group: GroupPlan, policy: Policy, rule: Rule, peers: PeerSets
) -> Iterator[tuple[int | AddressRange | None, Origin]]:
    if not rule.peers:
        yield None, rule.origin
        if group.direction is Direction.EGRESS and _names(rule):
            # Everybody, on a named port: only pods have those, each number of pods its own.
            yield from ((number, rule.origin) for number in peers.members(EVERY_POD))
    for peer in rule.peers:
        if isinstance(peer, BlockPeer):
            yield from ((span, peer.origin) for span in block_ranges(peer))
        else:
            members = peers.members(PeerKey.of(peer, policy.namespace))
            yield from ((number, peer.origin) for number in members)


def _ports(
    group: GroupPlan,
    rule: Rule,
    peer: int | AddressRange | None,
    identities: Mapping[int, IdentityKey],
) -> Iterator[PortRange | None]:
    if not rule.ports:
        yield None
    for match in rule.ports:
        if not isinstance(match.port, str):
            # Without peers, numbers are everybody's already; only names differ from pod to pod.
            if rule.peers or peer is None:
                yield _numbered(match)
            continue
        if group.direction is Direction.INGRESS:
            named: frozenset[NamedPort] | tuple[NamedPort, ...] = group.ports
        else:
            named = identities[peer].ports if isinstance(peer, int) else ()
        for port in named:
            if port.name == match.port and port.protocol == match.protocol:
                yield PortRange(port.protocol, port.number, port.number)


def _numbered(match: PortMatch) -> PortRange:
    if match.port is None:
        return PortRange(match.protocol, *WHOLE)
    assert isinstance(match.port, int)
    return PortRange(match.protocol, match.port, match.end_port or match.port)


def _port_forms(rule: Rule, peer: int | AddressRange | None) -> Iterator[PortRange | None]:
    if not rule.ports and peer is not None:
        yield None
    for match in rule.ports:
        yield PortRange(match.protocol, 1, 1) if isinstance(match.port, str) else _numbered(match)


def _names(rule: Rule) -> frozenset[str]:
    return frozenset(match.port for match in rule.ports if isinstance(match.port, str))


def _name(group: GroupPlan) -> str:
    """``in.shop/web.1f2e3d4c``: readable, and the same after a restart.

    The digest covers the policies' names, the named ports and the forms: a group of a name never changes its
    rules, only its elements.
    """
    said = [policy.key for policy in group.policies]
    said += [f"{p.name}/{p.protocol}/{p.number}" for p in sorted(group.ports)] + sorted(forms(group))
    digest = hashlib.sha256("\n".join(said).encode()).hexdigest()[:8]
    way = "in" if group.direction is Direction.INGRESS else "out"
    first = group.policies[0].key[:_LONGEST_NAME]
    more = f".and-{len(group.policies) - 1}" if len(group.policies) > 1 else ""
    return f"{way}.{first}{more}.{digest}"
