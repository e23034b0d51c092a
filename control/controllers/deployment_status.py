"""A Deployment's status and its conditions, with upstream's reasons and sentences. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from control.controllers.metadata import Object, seconds_of, timestamp_of, without_empty
from control.controllers.pod_state import condition_of
from control.controllers.rollout import max_unavailable, replicas_of, status_count, total

AVAILABLE, PROGRESSING, REPLICA_FAILURE = "Available", "Progressing", "ReplicaFailure"
COMPLETE, TIMED_OUT = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"
_NO_DEADLINE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition's content: True, False or Unknown, why, and a sentence."""

    status: str
    reason: str
    message: str


def with_condition(conditions: Sequence[Object], kind: str, verdict: Verdict, now: float) -> list[Object]:
    """The conditions with one of them set; unchanged when its status and reason are already there."""
    current = next((c for c in conditions if c["type"] == kind), None)
    if current and (current["status"], current.get("reason")) == (verdict.status, verdict.reason):
        return list(conditions)
    moment = timestamp_of(now)
    same = current is not None and current["status"] == verdict.status
    fresh = {
        "type": kind,
        "status": verdict.status,
        "lastUpdateTime": moment,
        "lastTransitionTime": current["lastTransitionTime"] if current and same else moment,
        "reason": verdict.reason,
        "message": verdict.message,
    }
    return [*(c for c in conditions if c["type"] != kind), fresh]


def without_condition(conditions: Sequence[Object], kind: str) -> list[Object]:
    """The conditions less one."""
    return [c for c in conditions if c["type"] != kind]


def has_deadline(deployment: Object) -> bool:
    """Whether progress is watched at all; the API's default is 600 s."""
    deadline = deployment["spec"].get("progressDeadlineSeconds")
    return deadline is not None and deadline != _NO_DEADLINE


def counted_status(deployment: Object, every: Sequence[Object], new: Object | None, now: float) -> Object:
    """The status's numbers and the Available condition; other conditions as they are."""
    before = deployment.get("status") or {}
    available = sum(status_count(rs, "availableReplicas") for rs in every)
    status: Object = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": sum(status_count(rs, "replicas") for rs in every),
        "updatedReplicas": status_count(new, "replicas") if new else 0,
        "readyReplicas": sum(status_count(rs, "readyReplicas") for rs in every),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(every) - available),
        "collisionCount": before.get("collisionCount"),
    }
    terminating = [rs for rs in every if (rs.get("status") or {}).get("terminatingReplicas") is not None]
    if len(terminating) == len(every):
        status["terminatingReplicas"] = sum(status_count(rs, "terminatingReplicas") for rs in every)
    enough = available >= replicas_of(deployment) - max_unavailable(deployment)
    verdict = (
        Verdict("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else Verdict("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    status["conditions"] = with_condition(before.get("conditions") or [], AVAILABLE, verdict, now)
    return status


def is_complete(deployment: Object, status: Object) -> bool:
    """Whether all pods are of the new template, available, and no old one is left."""
    wanted = replicas_of(deployment)
    counts = (status.get(f) or 0 for f in ("updatedReplicas", "replicas", "availableReplicas"))
    observed = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return observed and all(count == wanted for count in counts)


def _has_progressed(before: Object, after: Object) -> bool:
    def grew(field: str) -> bool:
        return (after.get(field) or 0) > (before.get(field) or 0)

    def old(status: Object) -> int:
        return (status.get("replicas") or 0) - (status.get("updatedReplicas") or 0)

    return (
        grew("updatedReplicas")
        or old(after) < old(before)
        or grew("readyReplicas")
        or grew("availableReplicas")
    )


def _has_timed_out(deployment: Object, status: Object, now: float) -> bool:
    progressing = condition_of({"status": status}, PROGRESSING)
    if progressing is None or progressing.get("reason") == COMPLETE:
        return False
    if progressing.get("reason") == TIMED_OUT:
        return True
    deadline = deployment["spec"]["progressDeadlineSeconds"]
    return seconds_of(progressing.get("lastUpdateTime")) + float(deadline) < now


def rollout_status(deployment: Object, every: Sequence[Object], new: Object | None, now: float) -> Object:
    """The whole status of a Deployment that is being rolled out (or has been)."""
    before = deployment.get("status") or {}
    status = counted_status(deployment, every, new, now)
    conditions = status["conditions"]
    if not has_deadline(deployment):
        conditions = without_condition(conditions, PROGRESSING)
    else:
        status["conditions"] = conditions
        conditions = _judge_progress(deployment, status, new, now)
    failure = _replica_failure(every, new)
    if failure:
        conditions = [*without_condition(conditions, REPLICA_FAILURE), failure]
    else:
        conditions = without_condition(conditions, REPLICA_FAILURE)
    return {**without_empty({**status, "conditions": conditions}), **_kept_zeros(status, before)}


def _kept_zeros(status: Object, before: Object) -> Object:
    """terminatingReplicas is a pointer upstream: zero is shown, absent means unknown."""
    return {"terminatingReplicas": 0} if status.get("terminatingReplicas") == 0 else {}


def _judge_progress(deployment: Object, status: Object, new: Object | None, now: float) -> list[Object]:
    conditions: list[Object] = status["conditions"]
    before = deployment.get("status") or {}
    current = condition_of({"status": before}, PROGRESSING)
    settled = status["replicas"] == status["updatedReplicas"] and current and current["reason"] == COMPLETE
    if settled:
        return conditions
    if new:
        whose = f'ReplicaSet "{new["metadata"]["name"]}"'
    else:
        whose = f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, status):
        verdict = Verdict("True", COMPLETE, f"{whose} has successfully progressed.")
        return with_condition(conditions, PROGRESSING, verdict, now)
    if _has_progressed(before, status):
        moment = timestamp_of(now)
        steady = current is not None and current["status"] == "True"
        fresh = {
            "type": PROGRESSING,
            "status": "True",
            "lastUpdateTime": moment,
            "lastTransitionTime": current["lastTransitionTime"] if current and steady else moment,
            "reason": "ReplicaSetUpdated",
            "message": f"{whose} is progressing.",
        }
        return [*without_condition(conditions, PROGRESSING), fresh]
    if _has_timed_out(deployment, status, now):
        verdict = Verdict("False", TIMED_OUT, f"{whose} has timed out progressing.")
        return with_condition(conditions, PROGRESSING, verdict, now)
    return conditions


def _replica_failure(every: Sequence[Object], new: Object | None) -> Object | None:
    """A ReplicaSet's failure to make pods, the new one's first."""
    candidates = [new, *every] if new else every
    for rs in candidates:
        condition = condition_of(rs, REPLICA_FAILURE)
        if condition and condition.get("status") == "True":
            return {"lastUpdateTime": condition["lastTransitionTime"], **condition}
    return None


def seconds_to_deadline(deployment: Object, status: Object, now: float) -> float | None:
    """When the Deployment must be looked at again, or None: complete, given up, or without a deadline."""
    progressing = condition_of({"status": status}, PROGRESSING)
    if not has_deadline(deployment) or progressing is None:
        return None
    if is_complete(deployment, status) or progressing.get("reason") == TIMED_OUT:
        return None
    deadline = deployment["spec"]["progressDeadlineSeconds"]
    left = seconds_of(progressing.get("lastUpdateTime")) + float(deadline) - now
    return max(left, 0.0) + 1.0
