"""Rules for StatefulSet, DaemonSet and PodDisruptionBudget."""

from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_meta import label_selector
from control.schema.validate_pod import template
from control.schema.validate_workload import (
    amount_of,
    counts,
    int_or_percent,
    ordered,
    picks,
    runs_for_ever,
    selector_rule,
    usable,
)

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def stateful_set(obj: Mapping[str, Any]) -> list[Cause]:
    """A StatefulSet."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    policy = spec.get("podManagementPolicy", "")
    if policy not in ("OrderedReady", "Parallel"):
        found.append(
            causes.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
        )
    found += _stateful_strategy(spec.get("updateStrategy", {}))
    for index, claim in enumerate(spec.get("volumeClaimTemplates", ())):
        found += _claim(claim.get("spec", {}), f"spec.volumeClaimTemplates[{index}].spec")
    found += counts(spec, ("replicas", "minReadySeconds"))
    if spec.get("serviceName"):
        found += causes.all_invalid(
            "spec.serviceName", spec["serviceName"], formats.label(spec["serviceName"])
        )
    found += selector_rule(spec, "statefulset")
    selector = spec.get("selector") or {}
    if not usable(selector):
        found.append(
            Cause("FieldValueInvalid", f"Invalid value: {causes.shown(ordered(selector))}", "spec.selector")
        )
    else:
        found += _labels(spec) + template(_with_claims(spec), "spec.template")
    return found + runs_for_ever(spec, "StatefulSet")


def _labels(spec: Mapping[str, Any]) -> list[Cause]:
    if "selector" in spec:
        return picks(spec)
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    said = "`selector` does not match template `labels`"
    return [causes.invalid("spec.template.metadata.labels", labels, said)]


def _with_claims(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The template with a volume for each claim, as its pods will have."""
    whole = spec.get("template", {})
    claims = dict.fromkeys(
        claim.get("metadata", {}).get("name", "") for claim in spec.get("volumeClaimTemplates", ())
    )
    if not claims:
        return dict(whole)
    inner = whole.get("spec", {})
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    volumes += [volume for volume in inner.get("volumes", ()) if volume.get("name") not in claims]
    return {**whole, "spec": {**inner, "volumes": volumes}}


def _stateful_strategy(strategy: Mapping[str, Any]) -> list[Cause]:
    path, kind, rolling = "spec.updateStrategy", strategy.get("type", ""), strategy.get("rollingUpdate")
    if not kind:
        return [causes.required(path)]
    if kind == "OnDelete":
        said = "only allowed for updateStrategy 'RollingUpdate'"
        return [] if rolling is None else [causes.invalid(f"{path}.rollingUpdate", rolling, said)]
    if kind != "RollingUpdate":
        inner = "null"
        if rolling is not None:
            limit = causes.shown(rolling.get("maxUnavailable"))
            inner = f'{{"Partition":{rolling.get("partition", 0)},"MaxUnavailable":{limit}}}'
        shown = causes.Printed(f'{{"Type":{causes.shown(kind)},"RollingUpdate":{inner}}}')
        return [causes.invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")]
    rolling = rolling or {}
    found = counts(rolling, ("partition",), f"{path}.rollingUpdate")
    most = rolling.get("maxUnavailable")
    if most is not None:
        at = f"{path}.rollingUpdate.maxUnavailable"
        found += int_or_percent(most, at)
        if amount_of(most) == 0:
            found.append(causes.invalid(at, most, "cannot be 0"))
        elif isinstance(most, str) and amount_of(most) > 100:
            found.append(causes.invalid(at, most, "must not be greater than 100%"))
    return found


def _claim(spec: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    modes = spec.get("accessModes", ())
    if not modes:
        found.append(causes.required(f"{path}.accessModes", "at least 1 access mode is required"))
    found += [
        causes.not_supported(f"{path}.accessModes", mode, _ACCESS_MODES)
        for mode in modes
        if mode not in _ACCESS_MODES
    ]
    if "storage" not in spec.get("resources", {}).get("requests", {}):
        found.append(causes.required(f"{path}.resources[storage]"))
    for key in ("storageClassName", "volumeAttributesClassName"):
        if spec.get(key):
            found += causes.all_invalid(f"{path}.{key}", spec[key], formats.subdomain(spec[key]))
    return found


def stateful_set_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What a StatefulSet's pods are known by can't change."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    keys = ("selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy")
    return [causes.immutable(f"spec.{key}", spec.get(key)) for key in keys if spec.get(key) != had.get(key)]


def daemon_set(obj: Mapping[str, Any]) -> list[Cause]:
    """A DaemonSet."""
    spec = obj.get("spec", {})
    selector = spec.get("selector")
    found = label_selector(selector, "spec.selector")
    if usable(selector or {}):
        found += _labels(spec)
    if selector == {}:
        found.append(causes.invalid("spec.selector", selector, "empty selector is invalid for daemonset"))
    found += template(spec.get("template", {}), "spec.template") + runs_for_ever(spec, "DaemonSet")
    found += counts(spec, ("minReadySeconds",)) + _daemon_strategy(spec.get("updateStrategy", {}))
    return found + counts(spec, ("revisionHistoryLimit",))


def _daemon_strategy(strategy: Mapping[str, Any]) -> list[Cause]:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    most, surge = (rolling or {}).get("maxUnavailable", 0), (rolling or {}).get("maxSurge", 0)
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        inner = "null"
        if rolling is not None:
            inner = f'{{"MaxUnavailable":{causes.shown(most)},"MaxSurge":{causes.shown(surge)}}}'
        shown = causes.Printed(f'{{"Type":{causes.shown(kind)},"RollingUpdate":{inner}}}')
        return [causes.not_supported("spec.updateStrategy", shown, ("RollingUpdate", "OnDelete"))]
    path = "spec.updateStrategy.rollingUpdate"
    found: list[Cause] = []
    for key, value in (("maxUnavailable", most), ("maxSurge", surge)):
        found += int_or_percent(value, f"{path}.{key}")
    for key, value in (("maxUnavailable", most), ("maxSurge", surge)):
        if isinstance(value, str) and amount_of(value) > 100:
            found.append(causes.invalid(f"{path}.{key}", value, "must not be greater than 100%"))
    if amount_of(most) and amount_of(surge):
        said = "may not be set when maxUnavailable is non-zero"
        found.append(causes.invalid(f"{path}.maxSurge", surge, said))
    elif not amount_of(most) and not amount_of(surge):
        found.append(causes.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return found


def disruption_budget(obj: Mapping[str, Any]) -> list[Cause]:
    """A PodDisruptionBudget."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    if "minAvailable" in spec and "maxUnavailable" in spec:
        names = (("MinAvailable", "minAvailable"), ("Selector", "selector"), ("MaxUnavailable", "maxUnavailable"),
                 ("UnhealthyPodEvictionPolicy", "unhealthyPodEvictionPolicy"))  # fmt: skip
        shown = ",".join(f'"{name}":{causes.shown(spec.get(key))}' for name, key in names)
        said = "minAvailable and maxUnavailable cannot be both set"
        found.append(causes.invalid("spec", causes.Printed(f"{{{shown}}}"), said))
    for key in ("minAvailable", "maxUnavailable"):
        if key in spec:
            found += int_or_percent(spec[key], f"spec.{key}")
            if isinstance(spec[key], str) and amount_of(spec[key]) > 100:
                found.append(causes.invalid(f"spec.{key}", spec[key], "must not be greater than 100%"))
    found += label_selector(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in ("AlwaysAllow", "IfHealthyBudget"):
        at = "spec.unhealthyPodEvictionPolicy"
        found.append(causes.not_supported(at, policy, ("AlwaysAllow", "IfHealthyBudget")))
    return found
