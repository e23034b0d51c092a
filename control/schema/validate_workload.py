"""Rules for what keeps pods running: Deployment, ReplicaSet, ReplicationController."""

import re
from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes
from control.schema.selector import LabelSelector
from control.schema.validate_meta import label_selector
from control.schema.validate_pod import template

_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_WORDS = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
    "used for validation is '[0-9]+%')"
)


def counts(spec: Mapping[str, Any], keys: tuple[str, ...], path: str = "spec") -> list[Cause]:
    """Numbers that may not be negative."""
    return [cause for key in keys if key in spec for cause in causes.non_negative(f"{path}.{key}", spec[key])]


def selector_rule(spec: Mapping[str, Any], kind: str) -> list[Cause]:
    """A selector that is there, not empty, and well-formed."""
    selector = spec.get("selector")
    if selector is None:
        return [causes.required("spec.selector")]
    found = label_selector(selector, "spec.selector")
    if not selector:
        found.append(causes.invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
    return found


def picks(spec: Mapping[str, Any]) -> list[Cause]:
    """The selector of a Deployment or ReplicaSet picks the template's pods."""
    selector = spec.get("selector")
    if not selector:
        return []
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if LabelSelector.from_json(selector).matches(labels):
        return []
    said = "`selector` does not match template `labels`"
    return [causes.invalid("spec.template.metadata.labels", labels, said)]


def usable(selector: Mapping[str, Any]) -> bool:
    """Can pods be picked by it at all?"""
    return not label_selector(selector, "")


def ordered(selector: Mapping[str, Any]) -> dict[str, Any]:
    """As upstream prints a selector."""
    shown: dict[str, Any] = {}
    if "matchLabels" in selector:
        shown["matchLabels"] = dict(sorted(selector["matchLabels"].items()))
    if "matchExpressions" in selector:
        keys = ("key", "operator", "values")
        items = selector["matchExpressions"]
        shown["matchExpressions"] = [{key: item[key] for key in keys if key in item} for item in items]
    return shown


def runs_for_ever(spec: Mapping[str, Any], kind: str) -> list[Cause]:
    """The template's pods are restarted always and have no deadline; ``kind`` as upstream's error names it."""
    inner = spec.get("template", {}).get("spec", {})
    found: list[Cause] = []
    if inner.get("restartPolicy") != "Always":
        at = "spec.template.spec.restartPolicy"
        found.append(causes.not_supported(at, inner.get("restartPolicy", ""), ("Always",)))
    if "activeDeadlineSeconds" in inner:
        said = f"activeDeadlineSeconds in {kind} is not Supported"
        found.append(causes.forbidden("spec.template.spec.activeDeadlineSeconds", said))
    return found


def _replicas(spec: Mapping[str, Any]) -> list[Cause]:
    """Selector and template of a Deployment or ReplicaSet."""
    found = selector_rule(spec, "deployment")
    selector = spec.get("selector") or {}
    if not usable(selector):
        return [*found, causes.invalid("spec.selector", ordered(selector), "invalid label selector")]
    found += picks(spec) + template(spec.get("template", {}), "spec.template")
    return found + runs_for_ever(spec, "ReplicaSet")


def deployment(obj: Mapping[str, Any]) -> list[Cause]:
    """A Deployment."""
    spec = obj.get("spec", {})
    found = counts(spec, ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"))
    found += _replicas(spec) + _deployment_strategy(spec.get("strategy", {}))
    deadline, ready = spec.get("progressDeadlineSeconds", 600), spec.get("minReadySeconds", 0)
    if deadline <= ready:
        said = "must be greater than minReadySeconds"
        found.append(causes.invalid("spec.progressDeadlineSeconds", deadline, said))
    return found


def _deployment_strategy(strategy: Mapping[str, Any]) -> list[Cause]:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is None:
            return []
        said = "may not be specified when strategy `type` is 'Recreate'"
        return [causes.forbidden("spec.strategy.rollingUpdate", said)]
    if kind != "RollingUpdate":
        return [
            causes.not_supported(
                "spec.strategy", _shown_strategy(kind, rolling), ("Recreate", "RollingUpdate")
            )
        ]
    return _rolling(rolling or {}, "spec.strategy.rollingUpdate")


def _shown_strategy(kind: str, rolling: Mapping[str, Any] | None) -> causes.Printed:
    inner = "null"
    if rolling is not None:
        amounts = [causes.shown(rolling.get(key, 0)) for key in ("maxUnavailable", "maxSurge")]
        inner = f'{{"MaxUnavailable":{amounts[0]},"MaxSurge":{amounts[1]}}}'
    return causes.Printed(f'{{"Type":{causes.shown(kind)},"RollingUpdate":{inner}}}')


def _rolling(rolling: Mapping[str, Any], path: str) -> list[Cause]:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    found = int_or_percent(unavailable, f"{path}.maxUnavailable") + int_or_percent(surge, f"{path}.maxSurge")
    if not found and amount_of(unavailable) == 0 and amount_of(surge) == 0:
        said = "may not be 0 when `maxSurge` is 0"
        found.append(causes.invalid(f"{path}.maxUnavailable", unavailable, said))
    if isinstance(unavailable, str) and amount_of(unavailable) > 100:
        found.append(causes.invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%"))
    return found


def amount_of(value: int | str) -> int:
    """The number, or the percentage's; 0 for what is neither."""
    return (
        value if isinstance(value, int) else int(value.rstrip("%") or 0) if _PERCENT.fullmatch(value) else 0
    )


def int_or_percent(value: int | str, path: str) -> list[Cause]:
    """A number that is not negative, or a percentage."""
    if isinstance(value, int):
        return causes.non_negative(path, value)
    return [] if _PERCENT.fullmatch(value) else [causes.invalid(path, value, _PERCENT_WORDS)]


def replica_set(obj: Mapping[str, Any]) -> list[Cause]:
    """A ReplicaSet."""
    spec = obj.get("spec", {})
    return counts(spec, ("replicas", "minReadySeconds")) + _replicas(spec)


def replication_controller(obj: Mapping[str, Any]) -> list[Cause]:
    """A ReplicationController: its selector is a plain map."""
    spec = obj.get("spec", {})
    found = counts(spec, ("replicas", "minReadySeconds"))
    if not spec.get("selector"):
        found.append(causes.required("spec.selector"))
    if "template" not in spec:
        return [*found, causes.required("spec.template")]
    labels = spec["template"].get("metadata", {}).get("labels", {})
    if spec.get("selector") and not LabelSelector.from_labels(spec["selector"]).matches(labels):
        said = "`selector` does not match template `labels`"
        found.append(causes.invalid("spec.template.metadata.labels", labels, said))
    return found + template(spec["template"], "spec.template") + runs_for_ever(spec, "ReplicationController")


def selector_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """The selector of a Deployment, ReplicaSet, DaemonSet can't change."""
    selector = new.get("spec", {}).get("selector")
    if selector != old.get("spec", {}).get("selector"):
        return [causes.immutable("spec.selector", selector)]
    return []
