"""A pod's wishes about nodes: which it may go to, which it would rather. Pure."""

from collections.abc import Iterable

from control.scheduler.cluster import NodeInfo
from control.scheduler.pod_info import PodInfo
from control.scheduler.requests import Object
from control.schema.placement import allows_node, term_matches, tolerates


def node_matches(pod: PodInfo, node: NodeInfo) -> bool:
    """nodeSelector and required node affinity."""
    return allows_node(pod.node_selector, pod.node_affinity, node.name, node.labels)


def preferred_weight(pod: PodInfo, node: NodeInfo) -> int:
    """Sum of the weights of the preferred terms that match."""
    preferred = pod.node_affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return sum(
        int(p.get("weight") or 0)
        for p in preferred
        if term_matches(p.get("preference") or {}, node.name, node.labels)
    )


def unwanted_count(tolerations: Iterable[Object], taints: Iterable[Object]) -> int:
    """How many PreferNoSchedule taints are not tolerated."""
    covers = [t for t in tolerations if t.get("effect") in (None, "", "PreferNoSchedule")]
    soft = [taint for taint in taints if taint["effect"] == "PreferNoSchedule"]
    return sum(1 for taint in soft if not any(tolerates(t, taint) for t in covers))
