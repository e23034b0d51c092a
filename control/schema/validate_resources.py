"""Rules for requests and limits."""

from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats, quantity

_STANDARD = ("cpu", "memory", "ephemeral-storage")
_STANDARD_ANYWHERE = (*_STANDARD, "storage", "pods", "services", "requests.cpu", "requests.memory")


def resource_requirements(value: Mapping[str, Any], path: str) -> list[Cause]:
    """A container's resources: names, amounts, requests within limits."""
    requests, limits = value.get("requests", {}), value.get("limits", {})
    found: list[Cause] = []
    for name, amount in limits.items():
        found += _amount(name, amount, f"{path}.limits[{name}]")
    for name, amount in requests.items():
        found += _amount(name, amount, f"{path}.requests[{name}]")
        limit = limits.get(name)
        if limit is None:
            if not _overcommits(name):
                said = "Limit must be set for non overcommitable resources"
                found.append(causes.required(f"{path}.limits", said))
            continue
        order = quantity.compare(amount, limit)
        if order and not _overcommits(name):
            said = f"must be equal to {name} limit of {limit}"
            found.append(causes.invalid(f"{path}.requests", amount, said))
        elif order > 0:
            said = f"must be less than or equal to {name} limit of {limit}"
            found.append(causes.invalid(f"{path}.requests", amount, said))
    asked = requests.keys() | limits.keys()
    if any(name.startswith("hugepages-") for name in asked) and not asked & {"cpu", "memory"}:
        found.append(causes.forbidden(path, "HugePages require cpu or memory"))
    return found


def _native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _overcommits(name: str) -> bool:
    """Native resources may be promised more often than they are there; huge pages and devices may not."""
    return _native(name) and not name.startswith("hugepages-")


def _amount(name: str, amount: Any, path: str) -> list[Cause]:
    """One resource of a container: its name and how much of it."""
    found: list[Cause] = []
    if name not in _STANDARD:
        found += causes.all_invalid(path, name, formats.qualified_name(name))
        if "/" not in name:
            if not name.startswith("hugepages-"):
                if not found and name not in _STANDARD_ANYWHERE:
                    said = "must be a standard resource type or fully qualified"
                    found.append(causes.invalid(path, name, said))
                found.append(causes.invalid(path, name, "must be a standard resource for containers"))
        elif not _native(name) and (found or name.startswith("requests.")):
            found.append(causes.invalid(path, name, "doesn't follow extended resource name standard"))
    found += non_negative_quantity(amount, path)
    if not _native(name) and not found and quantity.parse(amount) % 1:
        found.append(causes.invalid(path, amount, "must be an integer"))
    return found


def non_negative_quantity(amount: Any, path: str) -> list[Cause]:
    """A quantity that must not be below zero."""
    if quantity.parse(amount) < 0:
        return [causes.invalid(path, amount, "must be greater than or equal to 0")]
    return []
