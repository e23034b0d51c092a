"""Rules for ResourceQuota and LimitRange."""

from collections.abc import Mapping
from typing import Any, Final

from control.errors import Cause
from control.schema import causes, formats, quantity
from control.schema.validate_resources import non_negative_quantity

_COUNTS: Final = frozenset((
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
))  # fmt: skip
_STANDARD: Final = _COUNTS | {
    "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.storage",
    "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
}  # fmt: skip
_SCOPES: Final = (
    "BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass",
    "Terminating", "VolumeAttributesClass",
)  # fmt: skip
_RIVALS: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_EXISTS_ONLY: Final = frozenset(
    {"BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"}
)


def resource_quota(obj: Mapping[str, Any]) -> list[Cause]:
    """A quota's bounds and scopes."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    for name, amount in (spec.get("hard") or {}).items():
        found += _bound(name, amount, f"spec.hard[{name}]")
    return found + _scopes(spec) + _scope_selector(spec)


def _bound(name: str, amount: Any, path: str) -> list[Cause]:
    found = causes.all_invalid(path, name, formats.qualified_name(name))
    standard = name in _STANDARD or name.startswith(("hugepages-", "requests.hugepages-"))
    if not found and "/" not in name and not standard:
        found.append(causes.invalid(path, name, "must be a standard resource for quota"))
    found += non_negative_quantity(amount, path)
    if (name in _COUNTS or name.startswith("count/")) and quantity.parse(amount) % 1:
        found.append(causes.invalid(path, amount, "must be an integer"))
    return found


def _scopes(spec: Mapping[str, Any]) -> list[Cause]:
    scopes = spec.get("scopes") or []
    found = [
        causes.invalid("spec.scopes", scopes, "unsupported scope") for one in scopes if one not in _SCOPES
    ]
    if any(first in scopes and second in scopes for first, second in _RIVALS):
        found.append(causes.invalid("spec.scopes", scopes, "conflicting scopes"))
    return found


def _scope_selector(spec: Mapping[str, Any]) -> list[Cause]:
    found: list[Cause] = []
    for index, one in enumerate((spec.get("scopeSelector") or {}).get("matchExpressions") or ()):
        path = f"spec.scopeSelector.matchExpressions[{index}]"
        scope, operator, values = one.get("scopeName", ""), one.get("operator", ""), one.get("values") or []
        if scope not in _SCOPES:
            found.append(causes.invalid(f"{path}.scopeName", scope, "unsupported scope"))
        elif scope in _EXISTS_ONLY and operator != "Exists":
            said = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
            found.append(causes.invalid(f"{path}.operator", operator, said))
        if operator in ("In", "NotIn") and not values:
            said = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            found.append(causes.required(f"{path}.values", said))
        elif operator in ("Exists", "DoesNotExist") and values:
            said = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            found.append(causes.invalid(f"{path}.values", values, said))
        elif operator not in _OPERATORS:
            found.append(causes.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return found


def resource_quota_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """A quota's scopes are fixed."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    if sorted(spec.get("scopes") or []) != sorted(had.get("scopes") or []):
        return [causes.immutable("spec.scopes", spec.get("scopes"))]
    return []


def limit_range(obj: Mapping[str, Any]) -> list[Cause]:
    """Limits that fit together."""
    found: list[Cause] = []
    seen: set[str] = set()
    for index, item in enumerate(obj.get("spec", {}).get("limits") or ()):
        path, kind = f"spec.limits[{index}]", item.get("type", "")
        found += causes.all_invalid(f"{path}.type", kind, formats.qualified_name(kind))
        if kind in seen:
            found.append(causes.duplicate(f"{path}.type", kind))
        seen.add(kind)
        found += _limits(item, path)
    return found


def _limits(item: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    kind = item.get("type")
    if kind == "Pod":
        found += [
            causes.forbidden(f"{path}.{field}", "may not be specified when `type` is 'Pod'")
            for field in ("default", "defaultRequest")
            if item.get(field)
        ]
    if kind == "PersistentVolumeClaim" and not ({"storage"} & {*item.get("min", ()), *item.get("max", ())}):
        said = "either minimum or maximum storage value is required, but neither was provided"
        found.append(causes.required(f"{path}.limits", said))
    fields = ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")
    for name in sorted({name for field in fields for name in item.get(field) or ()}):
        found += _fits(item, name, path)
    return found


def _fits(item: Mapping[str, Any], name: str, path: str) -> list[Cause]:
    """One resource's amounts, each against the others."""
    least, most = (item.get("min") or {}).get(name), (item.get("max") or {}).get(name)
    limit, asked = (item.get("default") or {}).get(name), (item.get("defaultRequest") or {}).get(name)
    ratio = (item.get("maxLimitRequestRatio") or {}).get(name)
    rules = (
        ("min", least, least, most, "min value {0} is greater than max value {1}"),
        ("defaultRequest", asked, least, asked, "min value {0} is greater than default request value {1}"),
        ("defaultRequest", asked, asked, most, "default request value {0} is greater than max value {1}"),
        (
            "defaultRequest",
            asked,
            asked,
            limit,
            "default request value {0} is greater than default limit value {1}",
        ),
        ("default", limit, least, limit, "min value {0} is greater than default value {1}"),
        ("default", limit, limit, most, "default value {0} is greater than max value {1}"),
    )
    found = [
        causes.invalid(f"{path}.{field}[{name}]", value, said.format(low, high))
        for field, value, low, high, said in rules
        if low is not None and high is not None and quantity.compare(low, high) > 0
    ]
    if ratio is not None and quantity.compare(ratio, "1") < 0:
        at = f"{path}.maxLimitRequestRatio[{name}]"
        found.append(causes.invalid(at, ratio, f"ratio {ratio} is less than 1"))
    return found
