"""What the cells of several kinds share: ages, selectors, containers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from control.schema.timestamps import epoch, human_age
from control.schema.validate_meta import label_selector

Obj = Mapping[str, Any]
Cells = Callable[[Obj, float], list[Any]]
"""Object and now (seconds since the epoch) → its cells."""
NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"


def age(timestamp: str | None, now: float) -> str:
    """How long ago, for people."""
    return human_age(now - epoch(timestamp)) if timestamp else UNKNOWN


def head(obj: Obj, now: float) -> tuple[str, str]:
    """Name and age."""
    meta = obj.get("metadata", {})
    return meta.get("name", ""), age(meta.get("creationTimestamp"), now)


def labels(values: Mapping[str, str] | None) -> str:
    """``a=b,c=d``."""
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or NONE


def selector(value: Mapping[str, Any] | None, *, broken: str = "<error>") -> str:
    """A label selector in the query language; ``broken`` for one that can't be."""
    if not value:
        return NONE
    if label_selector(value, ""):
        return broken
    terms = [(key, f"{key}={wanted}") for key, wanted in (value.get("matchLabels") or {}).items()]
    for item in value.get("matchExpressions") or ():
        key, operator = item.get("key", ""), item.get("operator")
        listed = ",".join(sorted(item.get("values") or ()))
        text = {
            "In": f"{key} in ({listed})",
            "NotIn": f"{key} notin ({listed})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        terms.append((key, text.get(operator, broken)))
    return ",".join(text for _, text in sorted(terms)) or NONE


def containers(template: Obj) -> list[str]:
    """Names and images of a pod template's containers."""
    items = template.get("spec", {}).get("containers") or []
    names = ",".join(item.get("name", "") for item in items)
    return [names, ",".join(item.get("image", "") for item in items)]


def several(items: Iterable[str], limit: int = 3) -> str:
    """The first few, and how many more."""
    listed = list(items)
    if not listed:
        return UNSET
    shown = ",".join(listed[:limit])
    return f"{shown} + {len(listed) - limit} more..." if len(listed) > limit else shown


def condition(obj: Obj, kind: str) -> Obj | None:
    """The status condition of this type."""
    for item in obj.get("status", {}).get("conditions") or ():
        if item.get("type") == kind:
            return dict(item)
    return None
