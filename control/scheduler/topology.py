"""Pods near or far from each other: pod affinity and topology spread, computed once for each pod. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from control.scheduler.cluster import ClusterState, NodeInfo
from control.scheduler.node_affinity import node_matches
from control.scheduler.pod_info import AffinityTerm, PodInfo, SpreadConstraint
from control.schema.placement import untolerated

Domain = tuple[str, str]
"""A topology key and its value."""


def term_selects(term: AffinityTerm, pod: PodInfo, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a term means that pod."""
    if pod.namespace not in term.namespaces:
        chosen = term.namespace_selector
        if chosen is None or not chosen.matches(dict(namespaces.get(pod.namespace) or {})):
            return False
    return term.selector.matches(pod.labels)


def _peers(cluster: ClusterState, term: AffinityTerm) -> Iterable[PodInfo]:
    if term.namespace_selector is None:
        for name in term.namespaces:
            yield from cluster.by_namespace.get(name, {}).values()
        return
    for pods in cluster.by_namespace.values():
        yield from pods.values()


def _domain(cluster: ClusterState, node: str, key: str) -> Domain | None:
    info = cluster.nodes.get(node)
    if info is None or key not in info.labels:
        return None
    return key, info.labels[key]


@dataclass(frozen=True, slots=True)
class AffinityFacts:
    """Required terms, counted: domains with pods that a pod must be near, must be far from, is kept from.

    near: one counter a term, in the order of the pod's terms. first: nobody matches yet and the pod matches
    its own terms, so it may be the first of its kind.
    """

    near: tuple[Counter[Domain], ...]
    far: frozenset[Domain]
    kept_out: frozenset[Domain]
    first: bool


def affinity_facts(cluster: ClusterState, pod: PodInfo) -> AffinityFacts:
    """Count peers for one pod."""
    near = tuple(_count(cluster, term) for term in pod.affinity)
    far = frozenset(domain for term in pod.anti_affinity for domain in _count(cluster, term))
    kept_out = set()
    for other in cluster.with_anti_affinity.values():
        for term in other.anti_affinity:
            if term_selects(term, pod, cluster.namespace_labels):
                place = _domain(cluster, other.node, term.topology_key)
                if place:
                    kept_out.add(place)
    own = all(term_selects(term, pod, cluster.namespace_labels) for term in pod.affinity)
    return AffinityFacts(near, far, frozenset(kept_out), first=own and not any(near))


def _count(cluster: ClusterState, term: AffinityTerm) -> Counter[Domain]:
    found: Counter[Domain] = Counter()
    for peer in _peers(cluster, term):
        if term_selects(term, peer, cluster.namespace_labels):
            domain = _domain(cluster, peer.node, term.topology_key)
            if domain:
                found[domain] += 1
    return found


def affinity_refusal(pod: PodInfo, node: NodeInfo, facts: AffinityFacts) -> str:
    """Why the node does not fit by required pod (anti-)affinity, "" when it does."""
    for term, count in zip(pod.affinity, facts.near, strict=True):
        value = node.labels.get(term.topology_key)
        if value is None or (not facts.first and not count.get((term.topology_key, value))):
            return "node(s) didn't match pod affinity rules"
    domains = node.labels.items()
    if facts.far and any(domain in facts.far for domain in domains):
        return "node(s) didn't match pod anti-affinity rules"
    if facts.kept_out and any(domain in facts.kept_out for domain in domains):
        return "node(s) didn't satisfy existing pods anti-affinity rules"
    return ""


def affinity_score(cluster: ClusterState, pod: PodInfo) -> Counter[Domain]:
    """Weight of each domain by preferred terms, the pod's own and those of others about it."""
    found: Counter[Domain] = Counter()
    for sign, terms in ((1, pod.preferred), (-1, pod.avoided)):
        for term in terms:
            for domain, count in _count(cluster, term).items():
                found[domain] += sign * term.weight * count
    for other in cluster.with_preferences.values():
        theirs = [(1, t) for t in other.preferred] + [(-1, t) for t in other.avoided]
        theirs += [(1, t) for t in other.affinity]  # hardPodAffinityWeight is 1
        for sign, term in theirs:
            place = _domain(cluster, other.node, term.topology_key)
            if place and term_selects(term, pod, cluster.namespace_labels):
                found[place] += sign * (term.weight or 1)
    return found


@dataclass(frozen=True, slots=True)
class SpreadFacts:
    """One constraint, counted: matching pods a domain value, and the least of them."""

    constraint: SpreadConstraint
    counts: dict[str, int]
    least: int
    own: int


def spread_facts(cluster: ClusterState, pod: PodInfo, *, hard: bool) -> list[SpreadFacts]:
    """Count peers in the domains that the pod could go to, for the hard or the soft constraints."""
    constraints = [c for c in pod.spread if c.hard is hard]
    if not constraints:
        return []
    keys = [c.topology_key for c in constraints]
    result = []
    for constraint in constraints:
        counts: dict[str, int] = {}
        for node in cluster.nodes.values():
            if any(key not in node.labels for key in keys) or not _eligible(constraint, pod, node):
                continue
            value = node.labels[constraint.topology_key]
            counts[value] = counts.get(value, 0) + _matching(constraint, pod, node)
        least = min(counts.values(), default=0) if len(counts) >= constraint.min_domains else 0
        own = 1 if constraint.selector.matches(pod.labels) else 0
        result.append(SpreadFacts(constraint, counts, least, own))
    return result


def _eligible(constraint: SpreadConstraint, pod: PodInfo, node: NodeInfo) -> bool:
    if constraint.honour_affinity and not node_matches(pod, node):
        return False
    return not (constraint.honour_taints and untolerated(pod.tolerations, node.taints))


def _matching(constraint: SpreadConstraint, pod: PodInfo, node: NodeInfo) -> int:
    return sum(
        1
        for peer in node.pods.values()
        if peer.namespace == pod.namespace
        and not peer.terminating
        and constraint.selector.matches(peer.labels)
    )


def spread_refusal(node: NodeInfo, facts: Iterable[SpreadFacts]) -> str:
    """Why the node does not fit by a hard spread constraint, "" when it does."""
    for fact in facts:
        value = node.labels.get(fact.constraint.topology_key)
        if value is None:
            return "node(s) didn't match pod topology spread constraints (missing required label)"
        if fact.counts.get(value, 0) + fact.own - fact.least > fact.constraint.max_skew:
            return "node(s) didn't match pod topology spread constraints"
    return ""
