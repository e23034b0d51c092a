"""What a pod's status says, as upstream puts it: active, ready, available, and whom to delete first."""

from collections.abc import Callable, Iterable, Mapping
from math import log2

from control.controllers.metadata import Object, annotations_of, created_at, is_terminating, seconds_of

_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def condition_of(obj: Object, kind: str) -> Object | None:
    """The status condition of that type, if any."""
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition.get("type") == kind:
            return dict(condition)
    return None


def phase_of(pod: Object) -> str:
    """Pending, Running, Succeeded, Failed or Unknown."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_finished(pod: Object) -> bool:
    """Whether all its containers have ended for good."""
    return phase_of(pod) in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Neither finished nor being deleted: it counts as a replica."""
    return not is_finished(pod) and not is_terminating(pod)


def is_ready(pod: Object) -> bool:
    """Whether its Ready condition is True."""
    condition = condition_of(pod, "Ready")
    return condition is not None and condition.get("status") == "True"


def ready_since(pod: Object) -> float:
    """When it became ready, in seconds since 1970; 0 when it is not."""
    condition = condition_of(pod, "Ready")
    if condition is None or condition.get("status") != "True":
        return 0.0
    return seconds_of(condition.get("lastTransitionTime"))


def available_in(pod: Object, min_ready_s: int, now: float) -> float | None:
    """Seconds until it counts as available: 0 when it does, None while it is not ready."""
    if not is_ready(pod):
        return None
    if min_ready_s <= 0:
        return 0.0
    return max(0.0, ready_since(pod) + min_ready_s - now)


def count_of(pods: Iterable[Object], question: Callable[[Object], bool]) -> int:
    """How many pods answer a question with yes."""
    return sum(1 for pod in pods if question(pod))


def deletion_order(pods: Iterable[Object], rank: Mapping[str, int], now: float) -> list[Object]:
    """Pods, those to be deleted first in front, as a ReplicaSet of upstream prefers.

    rank: node name → number of related pods there; the fuller node gives first.
    Order: unassigned; Pending before Unknown before Running; not ready; lower deletion cost; fuller node;
    ready for a shorter time, compared in powers of two; more restarts; newer.
    """

    def place(pod: Object) -> tuple[float, ...]:
        node = (pod.get("spec") or {}).get("nodeName") or ""
        ready = is_ready(pod)
        return (
            1 if node else 0,
            _PHASE_ORDER.get(phase_of(pod), 2),
            1 if ready else 0,
            _cost_of(pod),
            -rank.get(node, 0),
            _age_bucket(now - ready_since(pod)) if ready else 0,
            -_restarts_of(pod),
            _age_bucket(now - created_at(pod)),
        )

    return sorted(pods, key=place)


def _cost_of(pod: Object) -> int:
    try:
        return int(annotations_of(pod).get(_DELETION_COST, "0"))
    except ValueError:
        return 0


def _restarts_of(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(status.get("restartCount", 0)) for status in statuses), default=0)


def _age_bucket(age_s: float) -> int:
    """Ages that differ by less than a factor of two count as equal (LogarithmicScaleDown)."""
    return int(log2(age_s)) if age_s >= 1 else 0
