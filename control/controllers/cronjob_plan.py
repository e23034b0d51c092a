"""A CronJob's next step: the Job to start, those to delete, and what its status says. Pure."""

import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from control.controllers.job_plan import ending
from control.controllers.metadata import (
    Object,
    controller_reference,
    created_at,
    is_terminating,
    seconds_of,
    timestamp_of,
    uid_of,
)
from control.schema.cron import Schedule, ScheduleInvalid

SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MISSED_MOST: Final = 100
_SUCCESSES_KEPT, _FAILURES_KEPT = 3, 1


@dataclass(slots=True)
class CronPlan:
    """What is to be written. events: type, reason, message; again_s: when to look next."""

    create: Object | None = None
    delete: list[Object] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    status: Object = field(default_factory=dict)
    again_s: float | None = None

    def tell(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Say something in an Event."""
        self.events.append(("Warning" if warning else "Normal", reason, message))


def plan(cron: Object, jobs: Sequence[Object], now: float) -> CronPlan:
    """The next step. jobs: all that the CronJob controls; now: seconds since 1970."""
    spec, step = cron["spec"], CronPlan(status=dict(cron.get("status") or {}))
    _count(cron, jobs, step)
    _history(spec, jobs, step)
    if is_terminating(cron) or spec.get("suspend"):
        return step
    try:
        zone: tzinfo = zoneinfo.ZoneInfo(spec["timeZone"]) if spec.get("timeZone") else UTC
        schedule = Schedule.parse(spec["schedule"])
    except ScheduleInvalid as error:
        step.tell("UnparseableSchedule", f"unparseable schedule: {spec['schedule']} : {error}", warning=True)
        return step
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        step.tell("UnknownTimeZone", f"invalid timeZone: {spec.get('timeZone')}", warning=True)
        return step
    moment = datetime.fromtimestamp(now, UTC)
    coming = schedule.after(moment, zone)
    step.again_s = max(0.1, coming.timestamp() - now) if coming else None
    due = _due(cron, schedule, zone, now, step)
    if due is None or timestamp_of(due) == step.status.get("lastScheduleTime"):
        return step
    deadline = spec.get("startingDeadlineSeconds")
    if deadline is not None and due + deadline < now:
        said = datetime.fromtimestamp(due, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
        step.tell("MissSchedule", f"Missed scheduled time to start a job: {said}", warning=True)
        return step
    _start(cron, jobs, due, zone, step)
    return step


def _due(cron: Object, schedule: Schedule, zone: tzinfo, now: float, step: CronPlan) -> float | None:
    """The latest time up to now at which a Job should have started, and has not been looked at."""
    spec, status = cron["spec"], cron.get("status") or {}
    since = seconds_of(status.get("lastScheduleTime")) or created_at(cron)
    deadline = spec.get("startingDeadlineSeconds")
    if deadline is not None:
        since = max(since, now - deadline)
    latest, missed = None, 0
    moment = schedule.after(datetime.fromtimestamp(since, UTC), zone)
    while moment is not None and moment.timestamp() <= now:
        latest, missed = moment.timestamp(), missed + 1
        if missed > MISSED_MOST:
            said = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            step.tell("TooManyMissedTimes", said, warning=True)
            return _latest(schedule, zone, now, latest)
        moment = schedule.after(moment, zone)
    return latest


def _latest(schedule: Schedule, zone: tzinfo, now: float, known: float) -> float:
    """The last time up to ``now``, found from ever nearer: counting all of many missed ones takes too long."""
    if schedule.every_s:
        return known + (now - known) // schedule.every_s * schedule.every_s
    window = 3600.0
    while now - window > known:
        found = _last_in(schedule, zone, now - window, now)
        if found is not None:
            return found
        window *= 4
    return _last_in(schedule, zone, known, now) or known


def _last_in(schedule: Schedule, zone: tzinfo, start: float, now: float) -> float | None:
    found, moment = None, schedule.after(datetime.fromtimestamp(start, UTC), zone)
    while moment is not None and moment.timestamp() <= now:
        found, moment = moment.timestamp(), schedule.after(moment, zone)
    return found


def _start(cron: Object, jobs: Sequence[Object], due: float, zone: tzinfo, step: CronPlan) -> None:
    """Start the Job of that time, as far as the concurrency policy lets it."""
    policy = cron["spec"].get("concurrencyPolicy", "Allow")
    active = {reference.get("uid") for reference in step.status.get("active") or ()}
    running = [job for job in jobs if uid_of(job) in active]
    if policy == "Forbid" and running:
        said = "Not starting job because prior execution is running and concurrency policy is Forbid"
        step.tell("JobAlreadyActive", said)
        return
    if policy == "Replace":
        for job in running:
            step.delete.append(job)
            step.tell("SuccessfulDelete", f"Deleted job {job['metadata']['name']}")
        step.status.pop("active", None)
    step.create = job_for(cron, due, zone)
    step.status["lastScheduleTime"] = timestamp_of(due)


def job_for(cron: Object, due: float, zone: tzinfo) -> Object:
    """The Job of one time: its name tells the minute, so that it is never made twice."""
    meta, template = cron["metadata"], cron["spec"]["jobTemplate"]
    given = template.get("metadata") or {}
    at = datetime.fromtimestamp(due, zone).isoformat().replace("+00:00", "Z")
    return {
        "metadata": {
            "name": f"{meta['name']}-{int(due) // 60}",
            "namespace": meta["namespace"],
            "labels": dict(given.get("labels") or {}),
            "annotations": {**(given.get("annotations") or {}), SCHEDULED_AT: at},
            "ownerReferences": [controller_reference(cron, "batch/v1", "CronJob")],
        },
        "spec": template["spec"],
    }


def reference_to(job: Object) -> Object:
    """As ``status.active`` has it."""
    meta = job["metadata"]
    return {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }


def _count(cron: Object, jobs: Iterable[Object], step: CronPlan) -> None:
    """Who runs, who has ended, and when one last succeeded."""
    known = {uid_of(job): job for job in jobs}
    kept = []
    for reference in step.status.get("active") or ():
        job = known.get(reference.get("uid", ""))
        if job is None:
            step.tell("MissingJob", f"Active job went missing: {reference.get('name')}")
        elif ending(job):
            said = f"Saw completed job: {job['metadata']['name']}, condition: {ending(job)}"
            step.tell("SawCompletedJob", said)
        else:
            kept.append(reference)
    step.status.pop("active", None)
    if kept:
        step.status["active"] = kept
    ended = [job["status"].get("completionTime") for job in known.values() if ending(job) == "Complete"]
    last = max((time for time in ended if time), default="")
    if last > step.status.get("lastSuccessfulTime", ""):
        step.status["lastSuccessfulTime"] = last


def _history(spec: Object, jobs: Sequence[Object], step: CronPlan) -> None:
    """Delete ended Jobs beyond those that are to be kept, the oldest first."""
    limits = (
        ("Complete", spec.get("successfulJobsHistoryLimit", _SUCCESSES_KEPT)),
        ("Failed", spec.get("failedJobsHistoryLimit", _FAILURES_KEPT)),
    )
    for kind, limit in limits:
        ended = sorted(
            (job for job in jobs if ending(job) == kind and not is_terminating(job)),
            key=lambda job: (job["status"].get("startTime") or "", job["metadata"]["name"]),
        )
        for job in ended[: max(0, len(ended) - limit)]:
            step.delete.append(job)
            step.tell("SuccessfulDelete", f"Deleted job {job['metadata']['name']}")
