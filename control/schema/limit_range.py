"""LimitRanges: the defaults they give to containers, and what they refuse, in upstream's words. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from control.schema import quantity
from control.schema.pod_resources import Amounts, containers, of_container, of_pod, shown

SET_BY: Final = "kubernetes.io/limit-ranger"
"""The annotation that tells which amounts a pod has from a LimitRange."""
Item = Mapping[str, Any]


def fill_in(pod: dict[str, Any], items: Iterable[Item]) -> None:
    """Give containers that name no amount the default one, in place; the annotation says which."""
    told: list[str] = []
    defaults = [item for item in items if item.get("type") == "Container"]
    for item in defaults:
        for word, container in containers(pod["spec"]):
            for which, field, name in (
                ("request", "defaultRequest", "requests"),
                ("limit", "default", "limits"),
            ):
                added = _fill(dict(container.get("resources") or {}), name, item.get(field) or {})
                if added is not None:
                    resources, names = added
                    container["resources"] = resources  # type: ignore[index]  # the pod's own dictionary
                    told.append(f"{', '.join(names)} {which} for {word} {container['name']}")
    if told:
        annotations = pod["metadata"].setdefault("annotations", {})
        annotations[SET_BY] = "LimitRanger plugin set: " + "; ".join(told)


def _fill(
    resources: dict[str, Any], name: str, defaults: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]] | None:
    have = resources.get(name) or {}
    missing = sorted(key for key in defaults if key not in have)
    if not missing:
        return None
    resources[name] = {**have, **{key: defaults[key] for key in missing}}
    return resources, missing


def refusals(pod: Mapping[str, Any], items: Iterable[Item]) -> list[str]:
    """What a pod has too little or too much of."""
    spec, found = pod["spec"], []
    for item in items:
        kind = item.get("type", "")
        if kind == "Container":
            for _, container in containers(spec):
                asked, most = of_container(container, "requests"), of_container(container, "limits")
                found += _judged(kind, item, asked, most)
        elif kind == "Pod":
            found += _judged(kind, item, of_pod(spec, "requests"), of_pod(spec, "limits"))
    return found


def claim_refusals(claim: Mapping[str, Any], items: Iterable[Item]) -> list[str]:
    """What a PersistentVolumeClaim asks too little or too much of."""
    asked, found = of_container(claim.get("spec") or {}, "requests"), []
    for item in items:
        kind = item.get("type", "")
        if kind == "PersistentVolumeClaim":
            for name, least in (item.get("min") or {}).items():
                found += _at_least(kind, name, least, asked, {})
            for name, most in (item.get("max") or {}).items():
                found += _Bound(kind, name, most, above=True).refuse(asked.get(name), "request")
    return found


@dataclass(frozen=True, slots=True)
class _Bound:
    """A least or a most amount of one resource."""

    kind: str
    name: str
    amount: str
    above: bool
    """What is above it is refused, not what is below."""

    def refuse(self, have: Decimal | None, what: str) -> list[str]:
        """The refusal of an amount on the wrong side, or of none at all."""
        word = "maximum" if self.above else "minimum"
        head = f"{word} {self.name} usage per {self.kind} is {self.amount}"
        if have is None:
            return [f"{head}.  No {what} is specified"]
        limit = quantity.parse(self.amount)
        wrong = have > limit if self.above else have < limit
        return [f"{head}, but {what} is {shown(self.name, have)}"] if wrong else []


def _judged(kind: str, item: Item, asked: Amounts, most: Amounts) -> list[str]:
    found: list[str] = []
    for name, amount in (item.get("min") or {}).items():
        found += _at_least(kind, name, amount, asked, most)
    for name, amount in (item.get("max") or {}).items():
        bound = _Bound(kind, name, amount, above=True)
        told = bound.refuse(most.get(name), "limit")
        if not told and name in asked:
            told = bound.refuse(asked[name], "request")
        found += told
    for name, amount in (item.get("maxLimitRequestRatio") or {}).items():
        found += _ratio(kind, name, amount, asked.get(name), most.get(name))
    return found


def _at_least(kind: str, name: str, amount: str, asked: Amounts, most: Amounts) -> list[str]:
    bound = _Bound(kind, name, amount, above=False)
    told = bound.refuse(asked.get(name), "request")
    return told or (bound.refuse(most[name], "limit") if name in most else [])


def _ratio(kind: str, name: str, amount: str, asked: Decimal | None, most: Decimal | None) -> list[str]:
    head = f"{name} max limit to request ratio per {kind} is {amount}"
    for have, what in ((asked, "request"), (most, "limit")):
        if not have:
            return [f"{head}, but no {what} is specified or {what} is 0"]
    assert asked
    assert most
    ratio = most / asked
    return [f"{head}, but provided ratio is {ratio:.6f}"] if ratio > quantity.parse(amount) else []
