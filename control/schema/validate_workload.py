"""Rules for what makes pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob."""

import re
from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.selector import LabelSelector
from control.schema.validate_meta import label_selector
from control.schema.validate_pod import template

_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_WORDS = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
    "used for validation is '[0-9]+%')"
)
_CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_NAMES = {
    name: index
    for names in ("jan feb mar apr may jun jul aug sep oct nov dec", "_ sun mon tue wed thu fri sat")
    for index, name in enumerate(names.split(), 1 if names.startswith("jan") else -1)
}


def _counts(spec: Mapping[str, Any], keys: tuple[str, ...], path: str = "spec") -> list[Cause]:
    return [cause for key in keys if key in spec for cause in causes.non_negative(f"{path}.{key}", spec[key])]


def _selector(spec: Mapping[str, Any], kind: str) -> list[Cause]:
    """A selector that is there, not empty, and well-formed."""
    selector = spec.get("selector")
    if selector is None:
        return [causes.required("spec.selector")]
    found = label_selector(selector, "spec.selector")
    if not selector:
        found.append(causes.invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
    return found


def _picks(spec: Mapping[str, Any]) -> list[Cause]:
    """The selector of a Deployment or ReplicaSet picks the template's pods."""
    selector = spec.get("selector")
    if not selector:
        return []
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if LabelSelector.from_json(selector).matches(labels):
        return []
    said = "`selector` does not match template `labels`"
    return [causes.invalid("spec.template.metadata.labels", labels, said)]


def _usable(selector: Mapping[str, Any]) -> bool:
    """Can pods be picked by it at all?"""
    keys = selector.get("matchLabels", {})
    expressions = {"matchExpressions": selector.get("matchExpressions", [])}
    return not any(map(formats.qualified_name, keys)) and not label_selector(expressions, "")


def _restart(spec: Mapping[str, Any], allowed: tuple[str, ...], path: str) -> list[Cause]:
    policy = spec.get("template", {}).get("spec", {}).get("restartPolicy", "")
    return (
        []
        if policy in allowed
        else [causes.not_supported(f"{path}.template.spec.restartPolicy", policy, allowed)]
    )


def _always_running(spec: Mapping[str, Any], kind: str = "deployment") -> list[Cause]:
    """Rules of a controller whose pods run for ever; ``kind`` as upstream's error names it."""
    found = _selector(spec, kind)
    selector = spec.get("selector") or {}
    if kind == "deployment":
        if not _usable(selector):
            ordered = {key: selector[key] for key in ("matchLabels", "matchExpressions") if key in selector}
            return [*found, causes.invalid("spec.selector", ordered, "invalid label selector")]
        found += _picks(spec)
    found += template(spec.get("template", {}), "spec.template")
    found += _restart(spec, ("Always",), "spec")
    if spec.get("template", {}).get("spec", {}).get("activeDeadlineSeconds") is not None:
        said = "activeDeadlineSeconds in ReplicaSet is not Supported"
        found.append(causes.forbidden("spec.template.spec.activeDeadlineSeconds", said))
    return found


def deployment(obj: Mapping[str, Any]) -> list[Cause]:
    """A Deployment."""
    spec = obj.get("spec", {})
    found = _counts(spec, ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"))
    found += _always_running(spec) + _deployment_strategy(spec.get("strategy", {}))
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
    if not found and _amount(unavailable) == 0 and _amount(surge) == 0:
        said = "may not be 0 when `maxSurge` is 0"
        found.append(causes.invalid(f"{path}.maxUnavailable", unavailable, said))
    if isinstance(unavailable, str) and _amount(unavailable) > 100:
        found.append(causes.invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%"))
    return found


def _amount(value: int | str) -> int:
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
    return _counts(spec, ("replicas", "minReadySeconds")) + _always_running(spec)


def replication_controller(obj: Mapping[str, Any]) -> list[Cause]:
    """A ReplicationController: its selector is a plain map."""
    spec = obj.get("spec", {})
    found = _counts(spec, ("replicas", "minReadySeconds"))
    if not spec.get("selector"):
        found.append(causes.required("spec.selector"))
    if "template" not in spec:
        return [*found, causes.required("spec.template")]
    labels = spec["template"].get("metadata", {}).get("labels", {})
    if spec.get("selector") and not LabelSelector.from_labels(spec["selector"]).matches(labels):
        said = "`selector` does not match template `labels`"
        found.append(causes.invalid("spec.template.metadata.labels", labels, said))
    return found + template(spec["template"], "spec.template") + _restart(spec, ("Always",), "spec")


def stateful_set(obj: Mapping[str, Any]) -> list[Cause]:
    """A StatefulSet."""
    spec = obj.get("spec", {})
    found = _counts(spec, ("replicas", "minReadySeconds", "revisionHistoryLimit"))
    found += causes.one_of(
        "spec.podManagementPolicy", spec.get("podManagementPolicy", ""), ("OrderedReady", "Parallel")
    )
    strategy = spec.get("updateStrategy", {})
    kind = strategy.get("type", "")
    if kind not in ("RollingUpdate", "OnDelete"):
        found += causes.one_of("spec.updateStrategy", kind, ("OnDelete", "RollingUpdate"))
    found += _counts(strategy.get("rollingUpdate", {}), ("partition",), "spec.updateStrategy.rollingUpdate")
    return found + _always_running(spec, "statefulset")


def daemon_set(obj: Mapping[str, Any]) -> list[Cause]:
    """A DaemonSet."""
    spec = obj.get("spec", {})
    found = _always_running(spec, "daemonset") + _counts(spec, ("minReadySeconds", "revisionHistoryLimit"))
    strategy = spec.get("updateStrategy", {})
    kind = strategy.get("type", "")
    if kind == "RollingUpdate":
        found += _rolling(strategy.get("rollingUpdate", {}), "spec.updateStrategy.rollingUpdate")
    elif kind != "OnDelete":
        found.append(causes.not_supported("spec.updateStrategy", kind, ("OnDelete", "RollingUpdate")))
    return found


def job(obj: Mapping[str, Any]) -> list[Cause]:
    """A Job."""
    return job_spec(obj.get("spec", {}), "spec")


def job_spec(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """A Job's spec; also a CronJob's template."""
    keys = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    found = _counts(spec, keys, path)
    mode = spec.get("completionMode", "NonIndexed")
    if mode not in ("Indexed", "NonIndexed"):
        found.append(causes.not_supported(f"{path}.completionMode", mode, ("Indexed", "NonIndexed")))
    if mode == "Indexed" and spec.get("completions") is None:
        said = f"when completion mode is {mode}"
        found.append(causes.required(f"{path}.completions", said))
    found += template(spec.get("template", {}), f"{path}.template")
    policy = spec.get("template", {}).get("spec", {}).get("restartPolicy", "")
    if policy == "Always":
        said = 'valid values: "OnFailure", "Never"'
        found.append(causes.required(f"{path}.template.spec.restartPolicy", said))
    if spec.get("selector"):
        found += label_selector(spec["selector"], f"{path}.selector")
    return found


def cron_job(obj: Mapping[str, Any]) -> list[Cause]:
    """A CronJob."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    schedule = spec.get("schedule", "")
    if not schedule:
        found.append(causes.required("spec.schedule"))
    else:
        wrong = _cron(schedule)
        if wrong:
            found.append(causes.invalid("spec.schedule", schedule, wrong))
    found += _counts(
        spec, ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    )
    policy = spec.get("concurrencyPolicy", "")
    found += causes.one_of("spec.concurrencyPolicy", policy, ("Allow", "Forbid", "Replace"))
    name = obj.get("metadata", {}).get("name", "")
    if len(name) > 52:
        found.append(causes.invalid("metadata.name", name, "must be no more than 52 characters"))
    return found + job_spec(spec.get("jobTemplate", {}).get("spec", {}), "spec.jobTemplate.spec")


def _cron(schedule: str) -> str:
    """What is wrong with a cron schedule, in the parser's words."""
    if schedule in _MACROS or schedule.startswith("@every "):
        return ""
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
    parts = schedule.split()
    if len(parts) != 5:
        return f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
    for part, (low, high) in zip(parts, _CRON_FIELDS, strict=True):
        for item in part.lower().split(","):
            span, _, step = item.partition("/")
            ends = [str(_NAMES.get(end, end)) for end in span.split("-")]
            plain = span in ("*", "?") or all(end.isdigit() and low <= int(end) <= high for end in ends)
            if not plain or (step and not step.isdigit()):
                return f"failed to parse field {part}: it must be within {low} and {high}"
    return ""


def selector_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """The selector of a Deployment, ReplicaSet, DaemonSet can't change."""
    selector = new.get("spec", {}).get("selector")
    if selector != old.get("spec", {}).get("selector"):
        return [causes.immutable("spec.selector", selector)]
    return []


def stateful_set_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Few fields of a StatefulSet can change."""
    free = (
        "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
    )  # fmt: skip
    spec, had = new.get("spec", {}), old.get("spec", {})
    if any(spec.get(key) != had.get(key) for key in spec.keys() | had.keys() if key not in free):
        listed = "', '".join(free[:-1])
        said = f"updates to statefulset spec for fields other than '{listed}' and '{free[-1]}' are forbidden"
        return [causes.forbidden("spec", said)]
    return []


def job_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """A Job's template, selector and completions are fixed (an Indexed job may grow with its parallelism)."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    found = []
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    if spec.get("completions") != had.get("completions") and not elastic:
        found.append(causes.immutable("spec.completions", spec.get("completions")))
    keys = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "successPolicy"]
    if not had.get("suspend"):
        keys.insert(1, "template")
    found += [causes.immutable(f"spec.{key}", spec.get(key)) for key in keys if spec.get(key) != had.get(key)]
    return found


def name_length(obj: Mapping[str, Any], limit: int) -> list[Cause]:
    """Names that become part of a pod's label or host name."""
    name = obj.get("metadata", {}).get("name", "")
    return [causes.invalid("metadata.name", name, formats.too_long(limit))] if len(name) > limit else []
