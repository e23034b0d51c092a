"""Rules for what a HorizontalPodAutoscaler measures and how fast it may scale.

Source: upstream's ``validateMetrics`` and ``validateBehavior``.
"""

from collections.abc import Mapping
from typing import Any, Final

from control.errors import Cause
from control.schema import causes, formats, quantity

_SOURCES: Final = {
    "Object": "object",
    "External": "external",
    "Pods": "pods",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}
"""A metric's types and the fields that describe it, in the order in which upstream looks."""
_TARGETS: Final = ("Utilization", "Value", "AverageValue")
_SELECT: Final = ("Disabled", "Max", "Min")
_POLICIES: Final = ("Percent", "Pods")
_WINDOW_MOST_S: Final = 3600
_PERIOD_MOST_S: Final = 1800


def metrics(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """All metrics of an autoscaler."""
    return [cause for index, item in enumerate(items) for cause in _metric(item, f"{path}[{index}]")]


def behavior(value: Mapping[str, Any], path: str) -> list[Cause]:
    """How fast it may scale up and down."""
    return [
        cause
        for key in ("scaleUp", "scaleDown")
        if value.get(key) is not None
        for cause in _scaling(value[key], f"{path}.{key}")
    ]


def reference(value: Mapping[str, Any], path: str) -> list[Cause]:
    """A CrossVersionObjectReference: what is scaled, or measured."""
    found: list[Cause] = []
    for key in ("kind", "name"):
        text = value.get(key, "")
        if text:
            found += causes.all_invalid(f"{path}.{key}", text, formats.path_segment(text))
        else:
            found.append(causes.required(f"{path}.{key}"))
    return found


def _metric(item: Mapping[str, Any], path: str) -> list[Cause]:
    kind = item.get("type", "")
    found: list[Cause] = []
    if not kind:
        found.append(causes.required(f"{path}.type", "must specify a metric source type"))
    if kind not in _SOURCES:
        found.append(causes.not_supported(f"{path}.type", kind, sorted(_SOURCES)))
    given = [key for key in _SOURCES.values() if item.get(key) is not None]
    if given:
        found += _source(given[0], item[given[0]], f"{path}.{given[0]}")
    expected = _SOURCES.get(kind, "")
    if expected and expected not in given:
        said = "must populate information for the given metric source"
        found.append(causes.required(f"{path}.{expected}", said))
    if len(given) != 1:
        said = "must populate the given metric source only"
        found += [causes.forbidden(f"{path}.{key}", said) for key in given if key != expected]
    return found


def _source(kind: str, source: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    target, at = source.get("target", {}), f"{path}.target"
    if kind == "object":
        found += reference(source.get("describedObject", {}), f"{path}.describedObject")
    if kind in ("object", "external", "pods"):
        name = source.get("metric", {}).get("name", "")
        if not name:
            found.append(causes.required(f"{path}.metric.name", "must specify a metric name"))
        found += causes.all_invalid(f"{path}.metric.name", name, formats.path_segment(name))
    else:
        if not source.get("name"):
            found.append(causes.required(f"{path}.name", "must specify a resource name"))
        if kind == "containerResource" and not source.get("container"):
            found.append(causes.required(f"{path}.container", "must specify a container"))
    return found + _target(target, at) + _amounts(kind, target, at)


def _target(target: Mapping[str, Any], path: str) -> list[Cause]:
    kind = target.get("type", "")
    found: list[Cause] = []
    if not kind:
        found.append(causes.required(f"{path}.type", "must specify a metric target type"))
    if kind not in _TARGETS:
        found.append(
            causes.invalid(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue")
        )
    found += [
        causes.invalid(f"{path}.{key}", target[key], "must be positive")
        for key in ("value", "averageValue")
        if target.get(key) is not None and quantity.parse(target[key]) <= 0
    ]
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        found.append(causes.invalid(f"{path}.averageUtilization", share, "must be greater than 0"))
    return found


def _amounts(kind: str, target: Mapping[str, Any], path: str) -> list[Cause]:
    """Which of a target's amounts each kind of metric needs."""
    value, average, share = (target.get(key) for key in ("value", "averageValue", "averageUtilization"))
    if kind == "pods":
        if average is not None and quantity.parse(average) > 0:
            return []
        return [causes.required(f"{path}.averageValue", "must specify a positive target averageValue")]
    if kind == "object":
        said = "must set either a target value or averageValue"
        neither = value is None and average is None
        return [causes.required(f"{path}.averageValue", said)] if neither else []
    if kind == "external":
        if value is None and average is None:
            said = "must set either a target value for metric or a per-pod target"
            return [causes.required(f"{path}.averageValue", said)]
        said = "may not set both a target value for metric and a per-pod target"
        both = value is not None and average is not None
        return [causes.forbidden(f"{path}.value", said)] if both else []
    if average is None and share is None:
        said = "must set either a target raw value or a target utilization"
        return [causes.required(f"{path}.averageUtilization", said)]
    if average is not None and share is not None:
        said = "may not set both a target raw value and a target utilization"
        return [causes.forbidden(f"{path}.averageValue", said)]
    return []


def _scaling(rules: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    window, select = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy")
    if window is not None:
        at = f"{path}.stabilizationWindowSeconds"
        if window < 0:
            found.append(causes.invalid(at, window, "must be greater than or equal to zero"))
        if window > _WINDOW_MOST_S:
            said = f"must be less than or equal to {_WINDOW_MOST_S}"
            found.append(causes.invalid(at, window, said))
    if select is not None and select not in _SELECT:
        found.append(causes.not_supported(f"{path}.selectPolicy", select, _SELECT))
    policies = rules.get("policies") or []
    if not policies:
        found.append(causes.required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(policies):
        found += _policy(policy, f"{path}.policies[{index}]")
    tolerance = rules.get("tolerance")
    if tolerance is not None and quantity.parse(tolerance) < 0:
        said = "must be greater than or equal to 0"
        found.append(causes.invalid(f"{path}.tolerance", tolerance, said))
    return found


def _policy(policy: Mapping[str, Any], path: str) -> list[Cause]:
    kind, period_s = policy.get("type", ""), policy.get("periodSeconds", 0)
    found = [] if kind in _POLICIES else [causes.not_supported(f"{path}.type", kind, _POLICIES)]
    found += [
        causes.invalid(f"{path}.{key}", policy.get(key, 0), "must be greater than zero")
        for key in ("value", "periodSeconds")
        if policy.get(key, 0) <= 0
    ]
    if period_s > _PERIOD_MOST_S:
        said = f"must be less than or equal to {_PERIOD_MOST_S}"
        found.append(causes.invalid(f"{path}.periodSeconds", period_s, said))
    return found
