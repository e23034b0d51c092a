"""Node selectors, node affinity, taints and tolerations. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from control.scheduler.cluster import NodeInfo
from control.scheduler.pod_info import PodInfo

Object = dict[str, Any]


def requirement_holds(requirement: Object, values: Mapping[str, str]) -> bool:
    """One requirement of a node selector term on labels (or on the field metadata.name)."""
    key, operator = requirement["key"], requirement["operator"]
    wanted: list[str] = requirement.get("values") or []
    have = values.get(key)
    if operator == "In":
        return have in wanted
    if operator == "NotIn":
        return have not in wanted
    if operator == "Exists":
        return key in values
    if operator == "DoesNotExist":
        return key not in values
    try:
        number, bound = int(have or ""), int(wanted[0])
    except (ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound


def term_matches(term: Object, node: NodeInfo) -> bool:
    """All requirements of a term; an empty term matches no node."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    by_field = {"metadata.name": node.name}
    return all(requirement_holds(r, node.labels) for r in expressions) and all(
        requirement_holds(r, by_field) for r in fields
    )


def node_matches(pod: PodInfo, node: NodeInfo) -> bool:
    """nodeSelector and required node affinity (any of its terms)."""
    if not pod.node_selector.items() <= node.labels.items():
        return False
    required = pod.node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(term_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


def preferred_weight(pod: PodInfo, node: NodeInfo) -> int:
    """Sum of the weights of the preferred terms that match."""
    preferred = pod.node_affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return sum(int(p.get("weight") or 0) for p in preferred if term_matches(p.get("preference") or {}, node))


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether one toleration covers one taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def untolerated(tolerations: Iterable[Object], taints: Iterable[Object]) -> Object | None:
    """The first NoSchedule or NoExecute taint that nothing tolerates."""
    covers = list(tolerations)
    for taint in taints:
        if taint["effect"] in ("NoSchedule", "NoExecute") and not any(tolerates(t, taint) for t in covers):
            return taint
    return None


def unwanted_count(tolerations: Iterable[Object], taints: Iterable[Object]) -> int:
    """How many PreferNoSchedule taints are not tolerated."""
    covers = [t for t in tolerations if t.get("effect") in (None, "", "PreferNoSchedule")]
    soft = [taint for taint in taints if taint["effect"] == "PreferNoSchedule"]
    return sum(1 for taint in soft if not any(tolerates(t, taint) for t in covers))
