"""Rules for Job and CronJob."""

import zoneinfo
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.cron import Schedule, ScheduleInvalid
from control.schema.selector import LabelSelector
from control.schema.validate_meta import label_selector
from control.schema.validate_pod import template
from control.schema.validate_workload import counts, usable

_COUNTS = (
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
    "backoffLimitPerIndex", "maxFailedIndexes",
)  # fmt: skip
_PARALLELISM = 100_000


def job(obj: Mapping[str, Any]) -> list[Cause]:
    """A Job, its selector and labels generated."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    if spec.get("completionMode") == "Indexed" and spec.get("completions", 0) > 0:
        name = f"{obj.get('metadata', {}).get('name', '')}-{spec['completions'] - 1}"
        if formats.label(name):
            said = f"will not able to create pod with invalid DNS label: {name}"
            found.append(causes.invalid("metadata.name", obj["metadata"].get("name", ""), said))
    found += _spec(spec, "spec")
    if "selector" not in spec:
        return [*found, causes.required("spec.selector")]
    found += label_selector(spec["selector"], "spec.selector")
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if usable(spec["selector"]) and not LabelSelector.from_json(spec["selector"]).matches(labels):
        said = "`selector` does not match template `labels`"
        found.append(causes.invalid("spec.template.metadata.labels", labels, said))
    return found


def _spec(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """A Job's spec; also a CronJob's template."""
    found = counts(spec, _COUNTS, path)
    mode = spec.get("completionMode", "NonIndexed")
    if mode not in ("NonIndexed", "Indexed"):
        found.append(causes.not_supported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed")))
    if mode == "Indexed":
        if spec.get("completions") is None:
            found.append(causes.required(f"{path}.completions", "when completion mode is Indexed"))
        if spec.get("parallelism", 0) > _PARALLELISM:
            said = f"must be less than or equal to {_PARALLELISM} when completion mode is Indexed"
            found.append(causes.invalid(f"{path}.parallelism", spec["parallelism"], said))
    elif mode == "NonIndexed":
        said = "requires indexed completion mode"
        keys = [key for key in ("backoffLimitPerIndex", "maxFailedIndexes") if key in spec]
        found += [causes.invalid(f"{path}.{key}", spec[key], said) for key in keys]
    policy = spec.get("podReplacementPolicy", "Failed")
    if policy not in ("Failed", "TerminatingOrFailed"):
        at = f"{path}.podReplacementPolicy"
        found.append(causes.not_supported(at, policy, ("Failed", "TerminatingOrFailed")))
    return found + template(spec.get("template", {}), f"{path}.template") + _restart(spec, path)


def _restart(spec: Mapping[str, Any], path: str) -> list[Cause]:
    policy = spec.get("template", {}).get("spec", {}).get("restartPolicy", "")
    at = f"{path}.template.spec.restartPolicy"
    if policy in ("Always", ""):
        return [causes.required(at, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [causes.not_supported(at, policy, ("OnFailure", "Never"))]
    if "podFailurePolicy" in spec and policy != "Never":
        said = 'only "Never" is supported when podFailurePolicy is specified'
        return [causes.invalid(at, policy, said)]
    return []


def cron_job(obj: Mapping[str, Any]) -> list[Cause]:
    """A CronJob."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    schedule = spec.get("schedule", "")
    if not schedule:
        found.append(causes.required("spec.schedule"))
    else:
        found += causes.all_invalid("spec.schedule", schedule, _cron(schedule))
    found += counts(spec, ("startingDeadlineSeconds",))
    if "timeZone" in spec:
        found += causes.all_invalid("spec.timeZone", spec["timeZone"], _time_zone(spec["timeZone"]))
    policy = spec.get("concurrencyPolicy", "")
    if policy not in ("Allow", "Forbid", "Replace"):
        found += causes.one_of("spec.concurrencyPolicy", policy, ("Allow", "Forbid", "Replace"))
    inner = spec.get("jobTemplate", {}).get("spec", {})
    found += _spec(inner, "spec.jobTemplate.spec")
    if "selector" in inner:
        said = "`selector` will be auto-generated"
        found.append(causes.invalid("spec.jobTemplate.spec.selector", inner["selector"], said))
    if inner.get("manualSelector"):
        at = "spec.jobTemplate.spec.manualSelector"
        found.append(causes.not_supported(at, True, ("nil", "false")))
    found += counts(spec, ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"))
    name = obj.get("metadata", {}).get("name", "")
    if len(name) > 52:  # 11 more for the time in its jobs' names
        found.append(causes.invalid("metadata.name", name, "must be no more than 52 characters"))
    return found


@lru_cache(maxsize=256)
def _time_zone(name: str) -> tuple[str, ...]:
    if not name:
        return ("timeZone must be nil or non-empty string",)
    if name.lower() == "local":
        said = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        return (said,)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return (f"unknown time zone {name}",)
    return ()


def _cron(schedule: str) -> list[str]:
    """What is wrong with a cron schedule, in the parser's words."""
    if "TZ=" in schedule:
        return ["cannot use TZ or CRON_TZ in schedule, use timeZone field instead"]
    try:
        Schedule.parse(schedule)
    except ScheduleInvalid as error:
        return [str(error)]
    return []


def job_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """A Job's template, selector and completions are fixed (an Indexed job may grow with its parallelism)."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    found = []
    count = spec.get("completions")
    if count != had.get("completions"):
        if spec.get("completionMode") != "Indexed":
            found.append(causes.immutable("spec.completions", count))
        elif count is not None and count != spec.get("parallelism"):
            said = "can only be modified in tandem with spec.parallelism"
            found.append(causes.invalid("spec.completions", count, said))
    keys = [
        "selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy",
    ]  # fmt: skip
    if not had.get("suspend"):
        keys.insert(1, "template")
    return found + [
        causes.immutable(f"spec.{key}", spec.get(key)) for key in keys if spec.get(key) != had.get(key)
    ]
