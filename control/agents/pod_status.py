"""A pod's phase and conditions from the states of its containers. Pure; the rules are upstream's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
OWNED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the status is computed from.

    init, containers, ephemeral: container statuses in the spec's order. sandboxed: network is up.
    final: nothing of the pod runs or will run again. start_time: RFC 3339. failure: (reason, message) of a pod
    that failed as a whole.
    """

    pod: Json
    init: Sequence[Json]
    containers: Sequence[Json]
    addresses: tuple[str, ...]
    node_addresses: tuple[str, ...]
    sandboxed: bool
    final: bool
    start_time: str
    failure: tuple[str, str] | None = None
    ephemeral: Sequence[Json] = ()


def status_of(facts: PodFacts, had: Mapping[str, Json], now: str) -> Json:
    """The whole status that a kubelet writes. had: conditions as last written, by type, for their times."""
    phase = phase_of(facts)
    status: Json = {
        "phase": phase,
        "conditions": _conditions(facts, phase, had, now),
        "hostIP": facts.node_addresses[0] if facts.node_addresses else "",
        "hostIPs": [{"ip": address} for address in facts.node_addresses],
        "startTime": facts.start_time,
        "containerStatuses": list(facts.containers),
    }
    if facts.init:
        status["initContainerStatuses"] = list(facts.init)
    if facts.ephemeral:
        status["ephemeralContainerStatuses"] = list(facts.ephemeral)
    if facts.addresses:
        status["podIP"] = facts.addresses[0]
        status["podIPs"] = [{"ip": address} for address in facts.addresses]
    if facts.failure:
        status["reason"], status["message"] = facts.failure
    generation = facts.pod["metadata"].get("generation")
    if generation is not None:
        status["observedGeneration"] = generation
    return status


def phase_of(facts: PodFacts) -> str:
    """Pending, Running, Succeeded or Failed."""
    if facts.failure:
        return "Failed"
    policy = facts.pod["spec"].get("restartPolicy", "Always")
    pending, failed = 0, 0
    sidecars = sidecar_names(facts.pod)
    for status in facts.init:
        state, last = status["state"], status.get("lastState") or {}
        if status["name"] in sidecars:
            pending += 0 if status.get("started") or "terminated" in state else 1
        elif "terminated" in state:
            failed += 1 if state["terminated"]["exitCode"] else 0
        elif "waiting" in state and last.get("terminated", {}).get("exitCode"):
            failed += 1
        else:
            pending += 1
    if failed and policy == "Never":
        return "Failed"
    if failed:
        return "Pending"
    running = sum("running" in status["state"] for status in facts.containers)
    ended = [_end_of(status) for status in facts.containers]
    stopped = [code for code in ended if code is not None]
    waiting = len(facts.containers) - running - len(stopped)
    if facts.final and not running and stopped and len(stopped) == len(facts.containers):
        return "Failed" if any(stopped) else "Succeeded"
    if pending and not running and not stopped:
        return "Pending"
    if waiting:
        return "Failed" if facts.final and stopped else "Pending"
    if running:
        return "Running"
    if not stopped:
        return "Pending"
    if policy == "Always":
        return "Running"
    if not any(stopped):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _end_of(status: Json) -> int | None:
    """The exit code of a container that has ended (and may be waiting to start again); None for others."""
    state = status["state"]
    if "terminated" in state:
        return int(state["terminated"]["exitCode"])
    if "waiting" in state and "terminated" in (status.get("lastState") or {}):
        return int(status["lastState"]["terminated"]["exitCode"])
    return None


def sidecar_names(pod: Json) -> set[str]:
    """Init containers that keep running (restartPolicy Always of their own)."""
    return {c["name"] for c in pod["spec"].get("initContainers") or [] if c.get("restartPolicy") == "Always"}


def _conditions(facts: PodFacts, phase: str, had: Mapping[str, Json], now: str) -> list[Json]:
    done = phase in {"Succeeded", "Failed"}
    found = [
        _condition("PodReadyToStartContainers", well=facts.sandboxed and not facts.final),
        _initialized(facts, phase),
        *_ready(facts, phase, done=done),
        _condition("PodScheduled", well=True),
    ]
    generation = facts.pod["metadata"].get("generation")
    for condition in found:
        before = had.get(condition["type"])
        same = before is not None and before.get("status") == condition["status"]
        condition["lastTransitionTime"] = before["lastTransitionTime"] if same and before else now
        condition["lastProbeTime"] = None
        for key in ("reason", "message"):
            if before is not None and key in before and key not in condition:
                condition[key] = None  # the patch merges: what is left out would stay
        if generation is not None:
            condition["observedGeneration"] = generation
    return found


def _condition(kind: str, *, well: bool, reason: str = "", message: str = "") -> Json:
    condition: Json = {"type": kind, "status": "True" if well else "False"}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _initialized(facts: PodFacts, phase: str) -> Json:
    if phase == "Succeeded":
        return _condition("Initialized", well=True, reason="PodCompleted")
    sidecars = sidecar_names(facts.pod)
    missing = [
        status["name"]
        for status in facts.init
        if not (
            status.get("started")
            if status["name"] in sidecars
            else (status["state"].get("terminated") or {"exitCode": 1})["exitCode"] == 0
        )
    ]
    # Once a container has started, all init containers must have been through.
    if missing and not any(c["state"].keys() & {"running", "terminated"} for c in facts.containers):
        words = f"containers with incomplete status: [{' '.join(missing)}]"
        return _condition("Initialized", well=False, reason="ContainersNotInitialized", message=words)
    return _condition("Initialized", well=True)


def _ready(facts: PodFacts, phase: str, *, done: bool) -> tuple[Json, Json]:
    if done:
        reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
        return (
            _condition("Ready", well=False, reason=reason),
            _condition("ContainersReady", well=False, reason=reason),
        )
    sidecars = sidecar_names(facts.pod)
    every = [*(status for status in facts.init if status["name"] in sidecars), *facts.containers]
    unready = [status["name"] for status in every if not status.get("ready")]
    if unready:
        words = f"containers with unready status: [{' '.join(unready)}]"
        return (
            _condition("Ready", well=False, reason="ContainersNotReady", message=words),
            _condition("ContainersReady", well=False, reason="ContainersNotReady", message=words),
        )
    gates = [gate["conditionType"] for gate in facts.pod["spec"].get("readinessGates") or []]
    states = {c["type"]: c["status"] for c in (facts.pod.get("status") or {}).get("conditions") or []}
    closed = [gate for gate in gates if states.get(gate) != "True"]
    if closed:
        words = "".join(
            f'corresponding condition of pod readiness gate "{gate}" '
            + (
                "does not exist."
                if gate not in states
                else 'has status of "' + states[gate] + '", but expected "True"'
            )
            for gate in closed
        )
        return (
            _condition("Ready", well=False, reason="ReadinessGatesNotReady", message=words),
            _condition("ContainersReady", well=True),
        )
    return _condition("Ready", well=True), _condition("ContainersReady", well=True)
