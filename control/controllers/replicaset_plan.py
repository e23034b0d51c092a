"""A ReplicaSet's next step: pods to create or delete, and its status. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from control.controllers.metadata import (
    Object,
    annotations_of,
    controller_reference,
    is_terminating,
    labels_of,
    timestamp_of,
    without_empty,
)
from control.controllers.pod_state import (
    available_in,
    condition_of,
    count_of,
    deletion_order,
    is_active,
    is_finished,
    is_ready,
)
from control.controllers.rollout import replicas_of

BURST = 500
"""Pods created or deleted in one step, as upstream."""


@dataclass(frozen=True, slots=True)
class ReplicaSetPlan:
    """Pods to create, and pods to delete; one of them is empty."""

    create: int
    delete: list[Object]


def plan(
    replica_set: Object, pods: Sequence[Object], related: Iterable[Object], now: float
) -> ReplicaSetPlan:
    """What brings the number of active pods to spec.replicas.

    pods: those the ReplicaSet controls. related: active pods of all ReplicaSets with the same owner; a node
    that holds more of them gives first.
    """
    if is_terminating(replica_set):
        return ReplicaSetPlan(0, [])
    active = [pod for pod in pods if is_active(pod)]
    missing = replicas_of(replica_set) - len(active)
    if missing >= 0:
        return ReplicaSetPlan(min(missing, BURST), [])
    surplus = min(-missing, BURST)
    rank = Counter(pod["spec"].get("nodeName") or "" for pod in related if is_active(pod))
    return ReplicaSetPlan(0, deletion_order(active, rank, now)[:surplus])


def slow_start(total: int) -> list[int]:
    """Sizes of the batches in which pods are created: 1, 2, 4, … so that a quota's refusal costs little.

    >>> slow_start(10)
    [1, 2, 4, 3]
    """
    batches, size = [], 1
    while total > 0:
        batches.append(min(size, total))
        total -= batches[-1]
        size *= 2
    return batches


def new_pod(owner: Object, api_version: str, kind: str) -> Object:
    """A pod from the owner's template; the API server completes the name."""
    template = deepcopy(owner["spec"]["template"])
    metadata = template.get("metadata") or {}
    prefix = f"{owner['metadata']['name']}-"
    pod_metadata: Object = {
        "generateName": prefix,
        "namespace": owner["metadata"]["namespace"],
        "labels": metadata.get("labels") or {},
        "ownerReferences": [controller_reference(owner, api_version, kind)],
    }
    if annotations_of({"metadata": metadata}):
        pod_metadata["annotations"] = metadata["annotations"]
    if metadata.get("finalizers"):
        pod_metadata["finalizers"] = metadata["finalizers"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_metadata, "spec": template.get("spec") or {}}


def status(replica_set: Object, pods: Sequence[Object], failure: str, now: float) -> Object:
    """The ReplicaSet's status.

    failure: what the API server said when a pod could not be made or deleted; "" when all went well.
    """
    active = [pod for pod in pods if is_active(pod)]
    min_ready = replica_set["spec"].get("minReadySeconds") or 0
    wanted_labels = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
    counts: Object = {
        "observedGeneration": replica_set["metadata"].get("generation", 0),
        "fullyLabeledReplicas": count_of(active, lambda pod: wanted_labels.items() <= labels_of(pod).items()),
        "readyReplicas": count_of(active, is_ready),
        "availableReplicas": count_of(active, lambda pod: available_in(pod, min_ready, now) == 0),
        "conditions": _conditions(replica_set, len(active), failure, now),
    }
    # replicas is required, and terminatingReplicas a pointer: both are written when they are zero.
    return {
        "replicas": len(active),
        "terminatingReplicas": count_of(pods, lambda pod: is_terminating(pod) and not is_finished(pod)),
        **without_empty(counts),
    }


def _conditions(replica_set: Object, active: int, failure: str, now: float) -> list[Object]:
    before = (replica_set.get("status") or {}).get("conditions") or []
    others = [c for c in before if c["type"] != "ReplicaFailure"]
    if not failure:
        return others
    present = condition_of(replica_set, "ReplicaFailure")
    if present:
        return list(before)
    reason = "FailedCreate" if active < replicas_of(replica_set) else "FailedDelete"
    fresh = {
        "type": "ReplicaFailure",
        "status": "True",
        "lastTransitionTime": timestamp_of(now),
        "reason": reason,
        "message": failure,
    }
    return [*others, fresh]


def seconds_to_available(replica_set: Object, pods: Iterable[Object], now: float) -> float | None:
    """When the next ready pod becomes available, or None when there is nothing to wait for."""
    min_ready = replica_set["spec"].get("minReadySeconds") or 0
    waits = [available_in(pod, min_ready, now) for pod in pods if is_active(pod)]
    return min((wait for wait in waits if wait), default=None)
