"""Is this flow allowed? The NetworkPolicy specification, sentence by sentence.

A pod is isolated for ingress (egress) when a policy of its namespace selects it and has Ingress (Egress)
among its types; then only what some rule of those policies lists is allowed there. Policies add up. Both
ends must allow a flow. Answers of an allowed flow are part of it and need no rule. Traffic between a pod and
the node that it runs on, and between a pod and itself, is always allowed.
Quick enough for thousands of questions and not meant to be quicker: plainness is the point.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dataplane.model.address import IPAddress
from dataplane.model.origin import Origin
from dataplane.model.verdict import Direction
from policy.model import PROTOCOLS, BlockPeer, Peer, PodPeer, Policy, PortMatch, Rule
from policy.oracle import why
from policy.oracle.flow import End, Flow, OracleVerdict, Reason
from policy.oracle.selection import selects
from policy.world import PodFacts, World


def verdict(world: World, policies: Iterable[Policy], flow: Flow) -> OracleVerdict:
    """What the policies say of one flow, with the reason of each end."""
    policies = sorted(policies, key=lambda policy: policy.key)
    source = _as_seen(world, flow.source, flow.source_address)
    destination = _as_seen(world, flow.destination, flow.destination_address)
    always = _always_allowed(world, source, destination)
    if always is not None:
        return OracleVerdict(True, always, always)
    egress = _reason(world, policies, Direction.EGRESS, (source, destination, flow))
    ingress = _reason(world, policies, Direction.INGRESS, (destination, source, flow))
    return OracleVerdict(egress.allowed and ingress.allowed, egress, ingress)


@dataclass(frozen=True, slots=True)
class _End:
    """pod: None for a node and for what is outside; a pod on the host's network is its node."""

    pod: PodFacts | None
    address: IPAddress | None


def _as_seen(world: World, end: End, address: IPAddress | None) -> _End:
    if isinstance(end, PodFacts):
        address = address or (end.ips[0] if end.ips else None)
        return _End(None if end.host_network else end, address)
    return _End(world.owner(end), end)


def _always_allowed(world: World, source: _End, destination: _End) -> Reason | None:
    if source.pod is not None and destination.pod is not None and source.pod.uid == destination.pod.uid:
        return why.same_pod(source.pod.key)
    for pod, other in ((source.pod, destination), (destination.pod, source)):
        if pod is not None and other.pod is None:
            node = world.nodes.get(pod.node)
            if node is not None and other.address in node.addresses:
                return why.own_node(pod.key, node.name)
    return None


def _reason(
    world: World, policies: Sequence[Policy], direction: Direction, ends: tuple[_End, _End, Flow]
) -> Reason:
    subject, peer, flow = ends
    if subject.pod is None:
        return why.outside()
    pod = subject.pod
    isolating = [policy for policy in policies if _isolates(policy, pod, direction)]
    if not isolating:
        return why.not_isolated(pod.key, direction)
    for policy in isolating:
        for rule in _rules(policy, direction) or ():
            for origin, named_ports_of in _matches(world, policy, rule, (subject, peer, direction)):
                if _port_matches(rule, flow, named_ports_of):
                    return why.allowed_by(pod.key, direction, origin, isolating)
    return why.default_deny(pod.key, direction, isolating)


def _rules(policy: Policy, direction: Direction) -> tuple[Rule, ...] | None:
    return policy.ingress if direction is Direction.INGRESS else policy.egress


def _isolates(policy: Policy, pod: PodFacts, direction: Direction) -> bool:
    return (
        policy.namespace == pod.namespace
        and _rules(policy, direction) is not None
        and selects(policy.pods, pod.labels)
    )


def _matches(
    world: World, policy: Policy, rule: Rule, ends: tuple[_End, _End, Direction]
) -> Iterator[tuple[Origin, PodFacts | None]]:
    """Each peer that matches (the rule itself when it names none), and the pod that named ports are taken from.

    That is the pod the flow goes to; an ipBlock knows no pods, so in egress it gives a name no meaning.
    """
    subject, peer_end, direction = ends
    destination = subject.pod if direction is Direction.INGRESS else peer_end.pod
    if not rule.peers:
        yield rule.origin, destination
    for peer in rule.peers:
        if _peer_matches(world, policy, peer, peer_end):
            nameless = isinstance(peer, BlockPeer) and direction is Direction.EGRESS
            yield peer.origin, None if nameless else destination


def _peer_matches(world: World, policy: Policy, peer: Peer, end: _End) -> bool:
    if isinstance(peer, BlockPeer):
        # An address is inside a block or not, whoever owns it: pods' addresses count too.
        address = end.address
        return (
            address is not None and address in peer.cidr and not any(address in hole for hole in peer.excepts)
        )
    return end.pod is not None and _pod_matches(world, policy, peer, end.pod)


def _pod_matches(world: World, policy: Policy, peer: PodPeer, pod: PodFacts) -> bool:
    if peer.namespaces is None:
        if pod.namespace != policy.namespace:
            return False
    else:
        namespace = world.namespaces.get(pod.namespace)
        if namespace is None or not selects(peer.namespaces, namespace.labels):
            return False
    return peer.pods is None or selects(peer.pods, pod.labels)


def _port_matches(rule: Rule, flow: Flow, destination: PodFacts | None) -> bool:
    return not rule.ports or any(_one_port_matches(port, flow, destination) for port in rule.ports)


def _one_port_matches(match: PortMatch, flow: Flow, destination: PodFacts | None) -> bool:
    if flow.protocol != match.protocol or flow.protocol not in PROTOCOLS.values():
        return False
    if match.port is None:
        return True
    if isinstance(match.port, str):
        return destination is not None and any(
            named.name == match.port and named.protocol == flow.protocol and named.number == flow.port
            for named in destination.ports
        )
    if match.end_port is not None:
        return match.port <= flow.port <= match.end_port
    return flow.port == match.port
