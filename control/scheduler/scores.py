"""Which of the fitting nodes is best: upstream's default scores and weights. Pure."""

from collections.abc import Sequence
from math import log, sqrt
from random import Random

from control.scheduler.cluster import ClusterState, NodeInfo
from control.scheduler.node_affinity import preferred_weight, unwanted_count
from control.scheduler.pod_info import PodInfo
from control.scheduler.topology import affinity_score, spread_facts

_FULL = 100.0


def best_node(cluster: ClusterState, pod: PodInfo, nodes: Sequence[NodeInfo], random: Random) -> NodeInfo:
    """The node with the highest score; among equals one at random."""
    if len(nodes) == 1:
        return nodes[0]
    scores = node_scores(cluster, pod, nodes)
    top = max(scores)
    return random.choice([node for node, score in zip(nodes, scores, strict=True) if score >= top - 1e-9])


def node_scores(cluster: ClusterState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[float]:
    """Weighted sums, in the order of the nodes."""
    columns = [
        (3, _inverted([unwanted_count(pod.tolerations, node.taints) for node in nodes])),
        (2, _normalised([preferred_weight(pod, node) for node in nodes])),
        (1, [least_allocated(pod, node) for node in nodes]),
        (1, [balanced(pod, node) for node in nodes]),
        (2, _spread(cluster, pod, nodes)),
        (2, _affinity(cluster, pod, nodes)),
    ]
    return [sum(weight * column[i] for weight, column in columns) for i in range(len(nodes))]


def _normalised(values: Sequence[float]) -> list[float]:
    top = max(values)
    return [_FULL * value / top for value in values] if top > 0 else [0.0 for _ in values]


def _inverted(values: Sequence[float]) -> list[float]:
    return [_FULL - value for value in _normalised(values)]


def _fractions(pod: PodInfo, node: NodeInfo) -> list[float]:
    result = []
    for index, name in enumerate(("cpu", "memory")):
        capacity = node.allocatable.get(name, 0)
        if capacity:
            result.append(min(1.0, (node.scored[index] + pod.scored[index]) / capacity))
    return result


def least_allocated(pod: PodInfo, node: NodeInfo) -> float:
    """100 for an empty node, 0 for a full one; the mean of CPU and memory."""
    fractions = _fractions(pod, node)
    return _FULL * sum(1 - f for f in fractions) / len(fractions) if fractions else 0.0


def balanced(pod: PodInfo, node: NodeInfo) -> float:
    """100 when CPU and memory would be used to the same degree; less by their standard deviation."""
    fractions = _fractions(pod, node)
    if len(fractions) < 2:
        return _FULL
    mean = sum(fractions) / len(fractions)
    return _FULL * (1 - sqrt(sum((f - mean) ** 2 for f in fractions) / len(fractions)))


def _spread(cluster: ClusterState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[float]:
    """Fewer peers near is better: by the pod's soft constraints, or else by its owner's replicas on a node."""
    facts = spread_facts(cluster, pod, hard=False)
    if not facts and not pod.spread and pod.owner:
        # Upstream's default constraints (hostname, zone) come to this where there is one zone.
        weight = log(len(nodes) + 2)
        return _fewest([node.owners.get(pod.owner, 0) * weight for node in nodes])
    if not facts:
        return [0.0 for _ in nodes]
    totals = []
    for node in nodes:
        total = 0.0
        for fact in facts:
            value = node.labels.get(fact.constraint.topology_key)
            if value is not None:
                total += fact.counts.get(value, 0) * log(len(fact.counts) + 2) + fact.constraint.max_skew - 1
        totals.append(total)
    return _fewest(totals)


def _fewest(values: Sequence[float]) -> list[float]:
    top, least = max(values), min(values)
    return [_FULL * (top + least - value) / top for value in values] if top > 0 else [_FULL for _ in values]


def _affinity(cluster: ClusterState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[float]:
    if not (pod.preferred or pod.avoided or cluster.with_preferences):
        return [0.0 for _ in nodes]
    weights = affinity_score(cluster, pod)
    values = [sum(weights.get(domain, 0) for domain in node.labels.items()) for node in nodes]
    top, least = max(values), min(values)
    if top == least:
        return [0.0 for _ in nodes]
    return [_FULL * (value - least) / (top - least) for value in values]
