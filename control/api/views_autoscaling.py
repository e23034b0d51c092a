"""autoscaling/v1's HorizontalPodAutoscaler as a view of v2's: one CPU target there, a list of metrics here. Pure.

What v1 has no field for stands in annotations, as upstream keeps it, so that an update through v1 loses nothing.
"""

from typing import Any, Final

import orjson

from control.api.request import Json

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
_IN_SPEC: Final = (("metrics", "metrics"), ("behavior", "behavior"))
_IN_STATUS: Final = (("currentMetrics", "current-metrics"), ("conditions", "conditions"))


def to_v2(obj: Json) -> Json:
    """A v1 object in v2's form."""
    meta = dict(obj.get("metadata") or {})
    notes = dict(meta.get("annotations") or {})
    made = {**obj}
    for part, fields in (("spec", _IN_SPEC), ("status", _IN_STATUS)):
        if part in obj:
            made[part] = dict(obj[part]) | {
                field: kept for field, name in fields if (kept := _taken(notes, name))
            }
    if (spec := made.get("spec")) is not None:
        target = spec.pop("targetCPUUtilizationPercentage", None)
        if target is not None:
            wanted = {"type": "Utilization", "averageUtilization": target}
            cpu = {"type": "Resource", "resource": {"name": "cpu", "target": wanted}}
            spec["metrics"] = [cpu, *spec.get("metrics", ())]
    if (status := made.get("status")) is not None:
        used = status.pop("currentCPUUtilizationPercentage", None)
        if used is not None:
            now = {"averageUtilization": used}
            cpu = {"type": "Resource", "resource": {"name": "cpu", "current": now}}
            status["currentMetrics"] = [cpu, *status.get("currentMetrics", ())]
    made["metadata"] = _with_notes(meta, notes)
    return made


def to_v1(obj: Json) -> Json:
    """A v2 object in v1's form."""
    meta = dict(obj.get("metadata") or {})
    notes = dict(meta.get("annotations") or {})
    made = {**obj}
    for part, single, several, inside in (
        ("spec", "targetCPUUtilizationPercentage", "metrics", "target"),
        ("status", "currentCPUUtilizationPercentage", "currentMetrics", "current"),
    ):
        if part not in obj:
            continue
        made[part] = shown = dict(obj[part])
        others = []
        for metric in shown.pop(several, None) or ():
            share = _cpu_share(metric, inside)
            if share is not None and single not in shown:
                shown[single] = share
            else:
                others.append(metric)
        if others:
            shown[several] = others
        for field, name in _IN_SPEC if part == "spec" else _IN_STATUS:
            if kept := shown.pop(field, None):
                notes[_PREFIX + name] = orjson.dumps(kept).decode()
    made["metadata"] = _with_notes(meta, notes)
    return made


def _cpu_share(metric: Json, inside: str) -> Any:
    """The average utilisation of a metric of the CPU; None for any other."""
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    return (resource.get(inside) or {}).get("averageUtilization")


def _taken(notes: dict[str, str], name: str) -> Any:
    """The value that an annotation keeps, which goes; None, and it stays, where it keeps none."""
    try:
        value = orjson.loads(notes.get(_PREFIX + name, "null"))
    except orjson.JSONDecodeError:
        return None
    if value is not None:
        del notes[_PREFIX + name]
    return value


def _with_notes(meta: Json, notes: dict[str, str]) -> Json:
    meta.pop("annotations", None)
    return meta | {"annotations": notes} if notes else meta
