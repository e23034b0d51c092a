"""A DaemonSet's next step: one pod on each node that fits, updated a few at a time. Pure."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from control.controllers.controller_revision import HASH
from control.controllers.metadata import Object, created_at, is_terminating, labels_of
from control.controllers.pod_state import available_in, is_finished, is_ready
from control.controllers.replicaset_plan import new_pod
from control.controllers.rollout import scaled_value
from control.schema.placement import allows_node, untolerated

_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


@dataclass(slots=True)
class DaemonSetPlan:
    """Nodes to get a pod, and pods to delete."""

    create: list[str] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)


def tolerations_of(spec: Object) -> list[Object]:
    """Tolerations of a daemon's pod: those of the template, and upstream's that keep it on an ailing node."""
    ours = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in _TOLERATED]
    if spec.get("hostNetwork"):
        key = "node.kubernetes.io/network-unavailable"
        ours.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    given = list(spec.get("tolerations") or ())
    return given + [t for t in ours if t not in given]


def runs_on(daemon_set: Object, node: Object) -> tuple[bool, bool]:
    """Whether a pod should be started on a node, and whether one that is there may stay."""
    spec, name = daemon_set["spec"]["template"].get("spec") or {}, node["metadata"]["name"]
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    if not allows_node(spec.get("nodeSelector") or {}, affinity, name, labels_of(node)):
        return False, False
    tolerations, taints = tolerations_of(spec), node["spec"].get("taints") or ()
    if untolerated(tolerations, taints) is None:
        return True, True
    return False, untolerated(tolerations, taints, ("NoExecute",)) is None


def daemon_pod(daemon_set: Object, node: str, revision_hash: str) -> Object:
    """The pod for one node; the scheduler binds it, since nothing else fits."""
    pod = new_pod(daemon_set, "apps/v1", "DaemonSet")
    pod["metadata"]["labels"] = {**pod["metadata"]["labels"], HASH: revision_hash}
    spec = deepcopy(pod["spec"])
    spec["tolerations"] = tolerations_of(spec)
    here = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
    wanted = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = [{**term, **here} for term in wanted.get("nodeSelectorTerms") or ()] or [here]
    affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    pod["spec"] = spec
    return pod


def target_of(pod: Object) -> str:
    """The node that a daemon's pod is on, or is meant for."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for entry in term.get("matchFields") or ():
            if entry.get("key") == "metadata.name" and entry.get("values"):
                return str(entry["values"][0])
    return ""


def by_node(pods: Sequence[Object]) -> dict[str, list[Object]]:
    """Pods by the node they are meant for, the oldest first."""
    found: dict[str, list[Object]] = {}
    for pod in sorted(pods, key=created_at):
        found.setdefault(target_of(pod), []).append(pod)
    return found


def plan(
    daemon_set: Object, nodes: Mapping[str, Object], pods: Sequence[Object], revision_hash: str, now: float
) -> DaemonSetPlan:
    """What brings each node to one pod; when that is so already, the next step of an update."""
    result = DaemonSetPlan()
    if is_terminating(daemon_set):
        return result
    placed = by_node(pods)
    for name, node in nodes.items():
        should_run, may_stay = runs_on(daemon_set, node)
        there = placed.get(name, [])
        if not may_stay:
            result.delete += [pod for pod in there if not is_terminating(pod)]
            continue
        ended = [pod for pod in there if is_finished(pod) and not is_terminating(pod)]
        running = [pod for pod in there if not is_finished(pod)]
        result.delete += ended + [pod for pod in running[1:] if not is_terminating(pod)]
        if should_run and not there:
            result.create.append(name)
    result.delete += [
        pod for name, there in placed.items() if name not in nodes for pod in there if not is_terminating(pod)
    ]
    strategy = (daemon_set["spec"].get("updateStrategy") or {}).get("type") or "RollingUpdate"
    if strategy == "RollingUpdate" and not result.create and not result.delete:
        result.delete = _outdated(daemon_set, nodes, placed, revision_hash, now)
    return result


def _outdated(
    daemon_set: Object,
    nodes: Mapping[str, Object],
    placed: dict[str, list[Object]],
    revision_hash: str,
    now: float,
) -> list[Object]:
    """Pods of an older template that may go now: those that serve nobody, and as many others as allowed."""
    wanted = [name for name, node in nodes.items() if runs_on(daemon_set, node)[0]]
    rolling = (daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    allowed = max(1, scaled_value(rolling.get("maxUnavailable", 1), len(wanted), round_up=True))
    min_ready = daemon_set["spec"].get("minReadySeconds") or 0
    useless: list[Object] = []
    candidates: list[Object] = []
    missing = 0
    for name in wanted:
        pod = next((p for p in placed.get(name, ()) if not is_terminating(p)), None)
        available = pod is not None and available_in(pod, min_ready, now) == 0
        missing += not available
        if pod is None or labels_of(pod).get(HASH) == revision_hash:
            continue
        (candidates if available else useless).append(pod)
    return useless + candidates[: max(0, allowed - missing)]


def status(
    daemon_set: Object, nodes: Mapping[str, Object], pods: Sequence[Object], revision_hash: str, now: float
) -> Object:
    """The DaemonSet's status."""
    placed, min_ready = by_node(pods), daemon_set["spec"].get("minReadySeconds") or 0
    counts = dict.fromkeys(
        ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"), 0
    )
    updated = available = 0
    for name, node in nodes.items():
        should_run, _ = runs_on(daemon_set, node)
        there = placed.get(name, [])
        if not should_run:
            counts["numberMisscheduled"] += bool(there)
            continue
        counts["desiredNumberScheduled"] += 1
        if not there:
            continue
        pod = there[0]
        counts["currentNumberScheduled"] += 1
        counts["numberReady"] += is_ready(pod)
        available += available_in(pod, min_ready, now) == 0
        updated += labels_of(pod).get(HASH) == revision_hash
    result: Object = {**counts, "observedGeneration": daemon_set["metadata"].get("generation", 0)}
    unavailable = counts["desiredNumberScheduled"] - available
    for key, value in (
        ("updatedNumberScheduled", updated),
        ("numberAvailable", available),
        ("numberUnavailable", unavailable),
        ("collisionCount", (daemon_set.get("status") or {}).get("collisionCount")),
    ):
        if value:
            result[key] = value
    return result
