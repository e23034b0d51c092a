"""Which nodes a pod can go to, and why not to the others, in upstream's order and words. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from control.scheduler.cluster import ClusterState, NodeInfo
from control.scheduler.node_affinity import node_matches
from control.scheduler.pod_info import PodInfo
from control.scheduler.requests import ports_clash
from control.scheduler.topology import (
    AffinityFacts,
    SpreadFacts,
    affinity_facts,
    affinity_refusal,
    spread_facts,
    spread_refusal,
)
from control.schema.placement import untolerated

_DEFAULT_PODS = 110
_UNSCHEDULABLE_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one node does not fit. plugin: upstream's name of the rule; permanent: no pod's leaving helps."""

    plugin: str
    reasons: tuple[str, ...]
    permanent: bool


@dataclass(frozen=True, slots=True)
class Filtered:
    """Nodes that fit, and refusals of the others by node name."""

    fitting: list[NodeInfo]
    refused: Mapping[str, Refusal]


@dataclass(frozen=True, slots=True)
class _Facts:
    affinity: AffinityFacts
    spread: list[SpreadFacts]


def filter_nodes(cluster: ClusterState, pod: PodInfo) -> Filtered:
    """Ask every node."""
    facts = _Facts(affinity_facts(cluster, pod), spread_facts(cluster, pod, hard=True))
    fitting, refused = [], {}
    for node in cluster.nodes.values():
        refusal = refusal_of(pod, node, facts)
        if refusal is None:
            fitting.append(node)
        else:
            refused[node.name] = refusal
    return Filtered(fitting, refused)


def refusal_of(pod: PodInfo, node: NodeInfo, facts: _Facts) -> Refusal | None:
    """The first rule that the node fails, None when it fits."""
    if node.unschedulable and untolerated(pod.tolerations, (_UNSCHEDULABLE_TAINT,)):
        return Refusal("NodeUnschedulable", ("node(s) were unschedulable",), permanent=True)
    taint = untolerated(pod.tolerations, node.taints)
    if taint is not None:
        text = f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"
        return Refusal("TaintToleration", (text,), permanent=True)
    if not node_matches(pod, node):
        text = "node(s) didn't match Pod's node affinity/selector"
        return Refusal("NodeAffinity", (text,), permanent=True)
    if pod.host_ports and _ports_taken(pod, node):
        text = "node(s) didn't have free ports for the requested pod ports"
        return Refusal("NodePorts", (text,), permanent=False)
    if short := lacking(pod, node):
        too_big = any(pod.requests.get(name, 0) > node.allocatable.get(name, 0) for name in pod.requests)
        return Refusal("NodeResourcesFit", short, permanent=too_big)
    if text := spread_refusal(node, facts.spread):
        return Refusal("PodTopologySpread", (text,), permanent=text.endswith("label)"))
    if text := affinity_refusal(pod, node, facts.affinity):
        permanent = text == "node(s) didn't match pod affinity rules"
        return Refusal("InterPodAffinity", (text,), permanent=permanent)
    return None


def _ports_taken(pod: PodInfo, node: NodeInfo) -> bool:
    used = [port for other in node.pods.values() for port in other.host_ports]
    return bool(used) and ports_clash(pod.host_ports, used)


def lacking(pod: PodInfo, node: NodeInfo) -> tuple[str, ...]:
    """What the node has too little of."""
    reasons = ["Too many pods"] if len(node.pods) + 1 > node.allocatable.get("pods", _DEFAULT_PODS) else []
    reasons += [
        f"Insufficient {name}"
        for name in sorted(pod.requests, key=_resource_order)
        if node.requested.get(name, 0) + pod.requests[name] > node.allocatable.get(name, 0)
    ]
    return tuple(reasons)


def _resource_order(name: str) -> tuple[int, str]:
    order = ("cpu", "memory", "ephemeral-storage")
    return (order.index(name) if name in order else len(order), name)


def message(total: int, refused: Mapping[str, Refusal]) -> str:
    """Upstream's sentence about a pod that fits nowhere.

    >>> message(0, {})
    'no nodes available to schedule pods'
    """
    if total == 0:
        return "no nodes available to schedule pods"
    counts = Counter(reason for refusal in refused.values() for reason in refusal.reasons)
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    helpless = sum(1 for refusal in refused.values() if refusal.permanent)
    preemption = Counter(
        {
            "Preemption is not helpful for scheduling.": helpless,
            "No preemption victims found for incoming pod.": len(refused) - helpless,
        }
    )
    tail = ", ".join(sorted(f"{count} {text.rstrip('.')}" for text, count in preemption.items() if count))
    return f"0/{total} nodes are available: {reasons}. preemption: 0/{total} nodes are available: {tail}."
