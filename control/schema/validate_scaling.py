"""Rules for HorizontalPodAutoscaler (both versions; its metrics: ``validate_metrics``) and PriorityClass."""

from collections.abc import Mapping
from typing import Any, Final

from control.errors import Cause
from control.schema import causes
from control.schema.validate_metrics import behavior, metrics, reference

HIGHEST_OF_USERS: Final = 1_000_000_000
_SYSTEM: Final = "system-"
_SYSTEM_CLASSES: Final = ("system-node-critical", "system-cluster-critical")
_POLICIES: Final = ("Never", "PreemptLowerPriority")


def autoscaler(obj: Mapping[str, Any]) -> list[Cause]:
    """An autoscaler's bounds, target, metrics and behaviour."""
    spec = obj.get("spec", {})
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    found: list[Cause] = []
    if least is not None and least < 1:
        found.append(causes.invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        found.append(causes.invalid("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        said = "must be greater than or equal to `minReplicas`"
        found.append(causes.invalid("spec.maxReplicas", most, said))
    found += reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    found += metrics(_metrics(spec), "spec.metrics")
    return found + behavior(spec.get("behavior") or {}, "spec.behavior")


def _metrics(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An autoscaler's metrics; of autoscaling/v1 the one that its CPU target stands for."""
    share = spec.get("targetCPUUtilizationPercentage")
    if share is None:
        return list(spec.get("metrics") or ())
    target = {"type": "Utilization", "averageUtilization": share}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def priority_class(obj: Mapping[str, Any]) -> list[Cause]:
    """A priority that is not the system's."""
    name, value = obj.get("metadata", {}).get("name", ""), obj.get("value", 0)
    found: list[Cause] = []
    if name.startswith(_SYSTEM):
        if name not in _SYSTEM_CLASSES:
            said = "priority class names with 'system-' prefix are reserved for system use only"
            found.append(
                causes.forbidden(
                    "metadata.name", f"{said}. error: {name} is not a known system priority class"
                )
            )
    elif value > HIGHEST_OF_USERS:
        said = f"maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}"
        found.append(causes.forbidden("value", said))
    policy = obj.get("preemptionPolicy", "")
    return found + (causes.one_of("preemptionPolicy", policy, _POLICIES) if policy else [])


def priority_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """A class's value and policy are fixed."""
    found: list[Cause] = []
    if new.get("value", 0) != old.get("value", 0):
        found.append(causes.forbidden("value", "may not be changed in an update."))
    if new.get("preemptionPolicy") != old.get("preemptionPolicy"):
        found.append(causes.immutable("preemptionPolicy", new.get("preemptionPolicy")))
    return found
