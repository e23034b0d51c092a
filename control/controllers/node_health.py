"""Judging a node by its silence, and the taints that follow from its conditions. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from control.controllers.metadata import Object, timestamp_of
from control.controllers.pod_state import condition_of
from control.schema.placement import tolerates

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_PRESSURES = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
_OURS = frozenset({NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURES.values()})
_JUDGED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(slots=True)
class Heartbeat:
    """When a node last gave a sign of life, in monotonic seconds of the observer.

    sign: what was seen then (lease renewal, Ready's heartbeat): any change is a sign of life, so that the
    node's clock need not agree with ours.
    """

    sign: tuple[str, str]
    at: float


def sign_of(node: Object, lease: Object | None) -> tuple[str, str]:
    """What changes when the node lives: its lease's renewal and its Ready condition's heartbeat."""
    renewed = str((lease or {}).get("spec", {}).get("renewTime") or "")
    ready = condition_of(node, "Ready") or {}
    return renewed, str(ready.get("lastHeartbeatTime") or "")


def ready_status(node: Object) -> str:
    """True, False or Unknown; "" when the node never said."""
    condition = condition_of(node, "Ready")
    return str(condition.get("status")) if condition else ""


def unknown_conditions(node: Object, now: float) -> list[Object]:
    """The conditions of a node that fell silent: all that its kubelet posts become Unknown."""
    before = list((node.get("status") or {}).get("conditions") or ())
    by_type = {c["type"]: c for c in before}
    for kind in _JUDGED:
        old = by_type.get(kind)
        if old is not None and old["status"] == "Unknown":
            continue
        silent = "Kubelet stopped posting node status."
        fresh = {
            "type": kind,
            "status": "Unknown",
            "lastTransitionTime": timestamp_of(now),
            "reason": "NodeStatusUnknown" if old else "NodeStatusNeverUpdated",
            "message": silent if old else "Kubelet never posted node status.",
        }
        fresh["lastHeartbeatTime"] = (
            old["lastHeartbeatTime"]
            if old and "lastHeartbeatTime" in old
            else node["metadata"].get("creationTimestamp", timestamp_of(now))
        )
        by_type[kind] = fresh
    return list(by_type.values())


def scheduling_taints(node: Object) -> set[str]:
    """Keys of the NoSchedule taints that the node's conditions call for."""
    ready = ready_status(node)
    keys = {NOT_READY} if ready == "False" else {UNREACHABLE} if ready == "Unknown" else set()
    if node["spec"].get("unschedulable"):
        keys.add(UNSCHEDULABLE)
    for kind, key in _PRESSURES.items():
        condition = condition_of(node, kind)
        if condition and condition.get("status") == "True":
            keys.add(key)
    return keys


def taints_of(node: Object) -> list[Object]:
    """spec.taints, [] when there are none."""
    return list(node["spec"].get("taints") or ())


def wanted_taints(node: Object, *, evict: bool | None, now: float) -> list[Object]:
    """The node's taints: those of others as they are, ours as its conditions say.

    evict: True puts the NoExecute taint of an unhealthy node on, False leaves NoExecute as it is (the
    eviction rate allows no more now), None takes it off (the node is healthy).
    """
    have = taints_of(node)
    kept = [t for t in have if t["key"] not in _OURS]
    present = {(t["key"], t["effect"]): t for t in have if t["key"] in _OURS}
    stamp = timestamp_of(now)
    wanted: dict[tuple[str, str], Object] = {}
    for key in sorted(scheduling_taints(node)):
        wanted[(key, "NoSchedule")] = {"key": key, "effect": "NoSchedule", "timeAdded": stamp}
    ready = ready_status(node)
    key = NOT_READY if ready == "False" else UNREACHABLE
    was_evicting = any(effect == "NoExecute" for _, effect in present)
    if evict or (evict is False and was_evicting):
        wanted[(key, "NoExecute")] = {"key": key, "effect": "NoExecute", "timeAdded": stamp}
    return kept + [present.get(name, taint) for name, taint in wanted.items()]


@dataclass(frozen=True, slots=True)
class ZoneState:
    """How many nodes of a zone are unhealthy."""

    total: int
    unhealthy: int

    @property
    def all_lost(self) -> bool:
        """Nobody answers: more likely the observer is cut off; nothing is evicted."""
        return self.total > 0 and self.unhealthy == self.total

    @property
    def partly_lost(self) -> bool:
        """More than 55 % and more than two nodes: evictions stop in a small cluster."""
        return self.unhealthy > 2 and self.unhealthy / self.total >= 0.55


def zone_state(nodes: Mapping[str, Object]) -> ZoneState:
    """State of all nodes; podwire has one zone."""
    return ZoneState(len(nodes), sum(1 for node in nodes.values() if ready_status(node) != "True"))


def seconds_tolerated(tolerations: Sequence[Object], taints: Sequence[Object]) -> float | None:
    """How long a pod stays on a node with these NoExecute taints: None for ever, 0 not at all."""
    least: float | None = None
    for taint in taints:
        matching = [t for t in tolerations if tolerates(t, taint)]
        if not matching:
            return 0.0
        bounded = [t["tolerationSeconds"] for t in matching if t.get("tolerationSeconds") is not None]
        if bounded:
            least = min([max(0.0, float(min(bounded))), *([least] if least is not None else [])])
    return least
