"""What a PodDisruptionBudget allows now. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from control.controllers.metadata import Object, controller_of, is_terminating, seconds_of, timestamp_of
from control.controllers.pod_state import is_finished, is_ready
from control.controllers.rollout import scaled_value

SETTLE_S = 120.0
"""An eviction that was granted and whose pod is still there after this long did not happen."""


def expected_pods(pods: Iterable[Object], scale_of: Callable[[Object], int | None]) -> int:
    """Sum of what the pods' controllers want; a pod without one counts for itself.

    scale_of: replicas that the owner of a pod wants, by the pod's controller reference; None when unknown.
    """
    scales: dict[str, int] = {}
    alone = 0
    for pod in pods:
        reference = controller_of(pod)
        scale = scale_of(pod) if reference else None
        if reference is None or scale is None:
            alone += 1
        else:
            scales[reference["uid"]] = scale
    return sum(scales.values()) + alone


def desired_healthy(budget: Object, expected: int) -> int:
    """Pods that must stay healthy, of so many expected ones."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return max(0, expected - scaled_value(spec["maxUnavailable"], expected, round_up=True))
    return scaled_value(spec.get("minAvailable", 1), expected, round_up=True)


def status(budget: Object, pods: Sequence[Object], expected: int, now: float) -> Object:
    """The budget's status.

    pods: those that its selector matches. An evicted pod counts as gone from the moment of its eviction.
    """
    there = {pod["metadata"]["name"]: pod for pod in pods if not is_finished(pod)}
    disrupted = _still_disrupted(budget, there, now)
    healthy = sum(
        1
        for name, pod in there.items()
        if is_ready(pod) and not is_terminating(pod) and name not in disrupted
    )
    desired = desired_healthy(budget, expected)
    allowed = max(0, healthy - desired) if expected > 0 else 0
    result: Object = {
        "observedGeneration": budget["metadata"].get("generation", 0),
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "disruptionsAllowed": allowed,
        "conditions": _conditions(budget, allowed, now),
    }
    return result | ({"disruptedPods": disrupted} if disrupted else {})


def _still_disrupted(budget: Object, there: Mapping[str, Object], now: float) -> dict[str, str]:
    noted = (budget.get("status") or {}).get("disruptedPods") or {}
    return {
        name: since
        for name, since in noted.items()
        if name in there and not is_terminating(there[name]) and now - seconds_of(since) < SETTLE_S
    }


def _conditions(budget: Object, allowed: int, now: float) -> list[Object]:
    before = (budget.get("status") or {}).get("conditions") or []
    state = "True" if allowed > 0 else "False"
    current = next((c for c in before if c["type"] == "DisruptionAllowed"), None)
    same = current is not None and current["status"] == state
    fresh = {
        "type": "DisruptionAllowed",
        "status": state,
        "reason": "SufficientPods" if allowed > 0 else "InsufficientPods",
        "message": "",
        "observedGeneration": budget["metadata"].get("generation", 0),
        "lastTransitionTime": current["lastTransitionTime"] if current and same else timestamp_of(now),
    }
    return [*(c for c in before if c["type"] != "DisruptionAllowed"), fresh]
