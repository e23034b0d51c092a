"""Node selectors, node affinity, taints and tolerations, as the API defines them. Pure.

The scheduler, DaemonSets and taint eviction judge by the same rules; none of them may import another.
"""

from collections.abc import Iterable, Mapping
from typing import Any

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


def term_matches(term: Object, name: str, labels: Mapping[str, str]) -> bool:
    """All requirements of a term on a node; an empty term matches no node."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    by_field = {"metadata.name": name}
    return all(requirement_holds(r, labels) for r in expressions) and all(
        requirement_holds(r, by_field) for r in fields
    )


def allows_node(
    node_selector: Mapping[str, str], node_affinity: Object, name: str, labels: Mapping[str, str]
) -> bool:
    """nodeSelector (all its labels) and required node affinity (any of its terms)."""
    if not node_selector.items() <= labels.items():
        return False
    required = node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(term_matches(term, name, labels) for term in required.get("nodeSelectorTerms") or ())


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether one toleration covers one taint.

    >>> tolerates({"operator": "Exists"}, {"key": "gpu", "effect": "NoSchedule"})
    True
    """
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def untolerated(
    tolerations: Iterable[Object],
    taints: Iterable[Object],
    effects: Iterable[str] = ("NoSchedule", "NoExecute"),
) -> Object | None:
    """The first taint of these effects that nothing tolerates."""
    covers, judged = list(tolerations), frozenset(effects)
    for taint in taints:
        if taint["effect"] in judged and not any(tolerates(t, taint) for t in covers):
            return taint
    return None
