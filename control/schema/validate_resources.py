"""Rules for requests and limits."""

from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats, quantity

_STANDARD = ("cpu", "memory", "ephemeral-storage")


def resource_requirements(value: Mapping[str, Any], path: str) -> list[Cause]:
    """A container's resources: names, amounts, requests within limits."""
    requests, limits = value.get("requests", {}), value.get("limits", {})
    found = _amounts(limits, f"{path}.limits") + _amounts(requests, f"{path}.requests")
    if found:
        return found
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is None:
            if not _overcommits(name):
                said = f"Limit must be set for non overcommitable resource: {name}"
                found.append(causes.required(f"{path}.limits", said))
            continue
        order = quantity.compare(amount, limit)
        if order and not _overcommits(name):
            said = f"must be equal to {name} limit of {limit}"
            found.append(causes.invalid(f"{path}.requests", amount, said))
        elif order > 0:
            said = f"must be less than or equal to {name} limit of {limit}"
            found.append(causes.invalid(f"{path}.requests", amount, said))
    return found


def _overcommits(name: str) -> bool:
    """Native resources may be promised more often than they are there; huge pages and devices may not."""
    return not name.startswith("hugepages-") and ("/" not in name or "kubernetes.io/" in name)


def _amounts(values: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    for name, amount in values.items():
        if name not in _STANDARD and not name.startswith("hugepages-"):
            wrong = formats.qualified_name(name)
            if wrong:
                found += causes.all_invalid(path, name, wrong)
            elif "/" not in name:
                found.append(
                    causes.invalid(path, name, "must be a standard resource type or fully qualified")
                )
                found.append(causes.invalid(path, name, "must be a standard resource for containers"))
        found += non_negative_quantity(amount, f"{path}[{name}]")
        if "/" in name and "kubernetes.io/" not in name and quantity.parse(amount) % 1:
            found.append(causes.invalid(f"{path}[{name}]", amount, "must be an integer"))
    return found


def non_negative_quantity(amount: Any, path: str) -> list[Cause]:
    """A quantity that must not be below zero."""
    if quantity.parse(amount) < 0:
        return [causes.invalid(path, amount, "must be greater than or equal to 0")]
    return []
