"""A Job's next step: pods to start or stop, and what its status says. Pure.

Not followed yet: podFailurePolicy, successPolicy, backoffLimitPerIndex, managedBy of others.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from control.controllers.job_indexes import INDEX, format_indexes, index_of, parse_indexes
from control.controllers.metadata import Object, is_terminating, seconds_of, timestamp_of
from control.controllers.pod_state import condition_of, count_of, is_active, is_ready, phase_of
from control.controllers.replicaset_plan import new_pod

_BACKOFF_S, _BACKOFF_MOST_S = 10.0, 600.0
_BACKOFF_LIMIT = 6
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
LIMIT = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")


@dataclass(frozen=True, slots=True)
class Tally:
    """Pods that have ended, those that are gone by now included."""

    succeeded: int
    failed: int


@dataclass(slots=True)
class JobPlan:
    """What is to be written. remove: the Job itself, its time to live is over."""

    create: list[Object] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)
    events: list[tuple[str, str, bool]] = field(default_factory=list)
    status: Object = field(default_factory=dict)
    again_s: float | None = None
    remove: bool = False


def ending(job: Object) -> str:
    """Complete or Failed once the Job is over, else ""."""
    for kind in ("Complete", "Failed"):
        condition = condition_of(job, kind)
        if condition and condition.get("status") == "True":
            return kind
    return ""


def is_indexed(job: Object) -> bool:
    """Whether each completion has a number of its own."""
    return str(job["spec"].get("completionMode") or "NonIndexed") == "Indexed"


def plan(job: Object, pods: Sequence[Object], tally: Tally, now: float) -> JobPlan:
    """The next step."""
    return _Step(job, pods, tally, now).run()


class _Step:
    def __init__(self, job: Object, pods: Sequence[Object], tally: Tally, now: float) -> None:
        self.job, self.spec, self.pods, self.tally, self.now = job, job["spec"], pods, tally, now
        self.before: Object = job.get("status") or {}
        self.active = [pod for pod in pods if is_active(pod)]
        self.terminating = count_of(
            pods, lambda p: is_terminating(p) and phase_of(p) in ("Pending", "Running")
        )
        self.conditions: list[Object] = list(self.before.get("conditions") or ())
        self.start = self.before.get("startTime")
        self.completed: str | None = self.before.get("completionTime")
        done = [index_of(p) for p in pods if phase_of(p) == "Succeeded"] if is_indexed(job) else []
        self.done = parse_indexes(self.before.get("completedIndexes") or "") | {
            i for i in done if i is not None
        }
        self.succeeded = len(self.done) if is_indexed(job) else tally.succeeded
        self.plan = JobPlan()

    def run(self) -> JobPlan:
        if is_terminating(self.job):
            return self._finish()
        if ending(self.job):
            self._expire()
            return self._finish()
        suspended = bool(self.spec.get("suspend"))
        self._note_suspension(suspended=suspended)
        target = condition_of({"status": {"conditions": self.conditions}}, "FailureTarget")
        failure = (target["reason"], target["message"]) if target else self._failure(suspended=suspended)
        if failure:
            self._fail(failure)
        elif self._is_complete():
            self._complete()
        elif suspended:
            self.plan.delete = list(self.active)
        else:
            self._start_pods()
        return self._finish()

    def _note_suspension(self, *, suspended: bool) -> None:
        current = condition_of({"status": {"conditions": self.conditions}}, "Suspended")
        if suspended:
            self.start = None
            if current is None or current["status"] != "True":
                self._set("Suspended", "JobSuspended", "Job suspended")
                self.plan.events.append(("Suspended", "Job suspended", False))
            return
        if current is not None and current["status"] == "True":
            self._set("Suspended", "JobResumed", "Job resumed", status="False")
            self.plan.events.append(("Resumed", "Job resumed", False))
            self.start = None
        self.start = self.start or timestamp_of(self.now)

    def _failure(self, *, suspended: bool) -> tuple[str, str] | None:
        limit = int(self.spec.get("backoffLimit", _BACKOFF_LIMIT))
        if self.tally.failed > limit:
            return LIMIT
        if (self.spec["template"].get("spec") or {}).get("restartPolicy") == "OnFailure":
            statuses = [
                s for p in self.active for s in (p.get("status") or {}).get("containerStatuses") or ()
            ]
            restarts = sum(int(s.get("restartCount", 0)) for s in statuses)
            if restarts > 0 if limit == 0 else restarts >= limit:
                return LIMIT
        allowed = self.spec.get("activeDeadlineSeconds")
        if allowed is not None and self.start and not suspended:
            left = seconds_of(self.start) + float(allowed) - self.now
            if left <= 0:
                return DEADLINE
            self._look_again(left)
        return None

    def _is_complete(self) -> bool:
        completions = self.spec.get("completions")
        if completions is None:
            return self.succeeded > 0 and not self.active
        return self.succeeded >= int(completions)

    def _fail(self, why: tuple[str, str]) -> None:
        self._set("FailureTarget", *why)
        self.plan.delete = list(self.active)
        if not self.active and not self.terminating:
            self._set("Failed", *why)
            self.plan.events.append((*why, True))

    def _complete(self) -> None:
        self._set("SuccessCriteriaMet", *REACHED)
        self.plan.delete = list(self.active)
        if not self.active and not self.terminating:
            self._set("Complete", *REACHED)
            self.completed = timestamp_of(self.now)
            self.plan.events.append(("Completed", "Job completed", False))

    def _start_pods(self) -> None:
        parallelism, completions = int(self.spec.get("parallelism", 1)), self.spec.get("completions")
        if completions is None:
            wanted = len(self.active) if self.succeeded else parallelism
        else:
            wanted = min(parallelism, int(completions) - self.succeeded)
        busy = len(self.active)
        if busy > wanted:
            self.plan.delete = sorted(self.active, key=is_ready)[: busy - wanted]
            return
        if (self.spec.get("podReplacementPolicy") or "") == "Failed":
            busy += self.terminating
        missing = wanted - busy
        wait = self._backoff_left()
        if missing <= 0:
            return
        if wait > 0:
            self._look_again(wait)
            return
        self.plan.create = self._new_pods(missing)

    def _backoff_left(self) -> float:
        """Seconds until a pod may be started again: doubled with each failure since the last success."""
        ended = [(p, _ended_at(p)) for p in self.pods if phase_of(p) in ("Succeeded", "Failed")]
        won = max((at for p, at in ended if phase_of(p) == "Succeeded"), default=0.0)
        lost = [at for p, at in ended if phase_of(p) == "Failed" and at > won]
        if not lost:
            return 0.0
        return max(lost) + min(_BACKOFF_S * 2.0 ** (len(lost) - 1), _BACKOFF_MOST_S) - self.now

    def _new_pods(self, count: int) -> list[Object]:
        if not is_indexed(self.job):
            return [_pod(self.job, None) for _ in range(count)]
        busy = {index_of(p) for p in self.pods if is_active(p) or is_terminating(p)} | self.done
        free = (i for i in range(int(self.spec["completions"])) if i not in busy)
        return [_pod(self.job, index) for index, _ in zip(free, range(count), strict=False)]

    def _expire(self) -> None:
        self.plan.delete = list(self.active)
        ttl = self.spec.get("ttlSecondsAfterFinished")
        if ttl is None:
            return
        over = condition_of(self.job, ending(self.job)) or {}
        left = seconds_of(over.get("lastTransitionTime")) + float(ttl) - self.now
        if left <= 0:
            self.plan.remove = True
        else:
            self._look_again(left)

    def _look_again(self, seconds: float) -> None:
        self.plan.again_s = min(seconds, self.plan.again_s) if self.plan.again_s is not None else seconds

    def _set(self, kind: str, reason: str, message: str, *, status: str = "True") -> None:
        current = next((c for c in self.conditions if c["type"] == kind), None)
        if current and (current["status"], current.get("reason")) == (status, reason):
            return
        moment = timestamp_of(self.now)
        fresh = {
            "type": kind,
            "status": status,
            "lastProbeTime": moment,
            "lastTransitionTime": moment,
            "reason": reason,
            "message": message,
        }
        self.conditions = [*(c for c in self.conditions if c["type"] != kind), fresh]

    def _finish(self) -> JobPlan:
        status: Object = {
            "ready": count_of(self.active, is_ready),
            "terminating": self.terminating,
            "uncountedTerminatedPods": {},
        }
        optional = {
            "active": len(self.active),
            "succeeded": self.succeeded,
            "failed": self.tally.failed,
            "startTime": self.start,
            "completionTime": self.completed,
            "conditions": self.conditions,
            "completedIndexes": format_indexes(self.done) if is_indexed(self.job) else "",
        }
        self.plan.status = {**status, **{name: value for name, value in optional.items() if value}}
        return self.plan


def _ended_at(pod: Object) -> float:
    """When the last of a pod's containers ended, in seconds since 1970."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [((s.get("state") or {}).get("terminated") or {}).get("finishedAt") for s in statuses]
    found = [seconds_of(end) for end in ends if end]
    if found:
        return max(found)
    ready = condition_of(pod, "Ready") or {}
    return seconds_of(ready.get("lastTransitionTime") or pod["metadata"].get("creationTimestamp"))


def _pod(job: Object, index: int | None) -> Object:
    pod = new_pod(job, "batch/v1", "Job")
    if index is None:
        return pod
    metadata, spec, name = pod["metadata"], deepcopy(pod["spec"]), job["metadata"]["name"]
    metadata["generateName"] = f"{name}-{index}-"
    metadata["annotations"] = {**(metadata.get("annotations") or {}), INDEX: str(index)}
    metadata["labels"] = {**metadata["labels"], INDEX: str(index)}
    spec.setdefault("hostname", f"{name}-{index}")
    told = {"name": "JOB_COMPLETION_INDEX"}
    told_from = {"valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}}
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        present = container.get("env") or []
        if all(variable["name"] != told["name"] for variable in present):
            container["env"] = [{**told, **told_from}, *present]
    pod["spec"] = spec
    return pod
