"""What a pretended kubelet says of a pod: running, ended as its annotations ask, or crashing. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from control.agents.pod_status import PodFacts, sidecar_names, status_of

Json = dict[str, Any]

EXIT_CODE: Final = "podwire.dev/exit-code"
"""The containers end with this code; pods of Jobs and helm's hooks have 0 without it, all others run for ever."""
EXIT_AFTER: Final = "podwire.dev/exit-after"
"""Seconds that they run before that; 0 without it."""
STOP_AFTER: Final = "podwire.dev/stop-after"
"""Seconds that a deleted pod takes to go, within its grace; 0 without it."""
READY: Final = "podwire.dev/ready"
"""``"false"``: running, and not ready."""
_HELM_HOOK: Final = "helm.sh/hook"


@dataclass(frozen=True, slots=True)
class Script:
    """How a pod's life goes. exit_code: None for one that runs until it is deleted. Times in seconds."""

    exit_code: int | None
    exit_after_s: float
    stop_after_s: float
    ready: bool


def script_of(pod: Json) -> Script:
    """From a pod's annotations and owner. Raises ValueError, naming the annotation."""
    meta = pod["metadata"]
    notes = meta.get("annotations") or {}
    # A chart's hook that is a bare pod is one that ends: its test, above all.
    hook = _HELM_HOOK in notes and pod["spec"].get("restartPolicy") != "Always"
    ends = hook or any(
        owner.get("controller") and owner.get("kind") == "Job" for owner in meta.get("ownerReferences") or ()
    )
    code = _number(notes, EXIT_CODE, int, 255)
    return Script(
        exit_code=int(code) if code is not None else 0 if ends else None,
        exit_after_s=_number(notes, EXIT_AFTER, float, 86_400) or 0.0,
        stop_after_s=_number(notes, STOP_AFTER, float, 86_400) or 0.0,
        ready=notes.get(READY) != "false",
    )


def _number(notes: Json, name: str, kind: type[int] | type[float], most: int) -> float | None:
    if name not in notes:
        return None
    try:
        value = kind(notes[name])
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise ValueError(f"annotation {name} is {notes[name]!r}, and must be a number from 0 to {most}")
    return value


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a pod stands. address, node_address: IPs. ended: its time is over, if its script has an end."""

    address: str
    node_address: str
    script: Script
    ended: bool
    now: str


def fake_status(pod: Json, stage: Stage) -> Json:
    """The status to be written; what did not change keeps its times."""
    had = pod.get("status") or {}
    spec = pod["spec"]
    code = stage.script.exit_code if stage.ended else None
    policy = spec.get("restartPolicy", "Always")
    final = code is not None and (policy == "Never" or (policy == "OnFailure" and code == 0))
    before = {
        one["name"]: one
        for one in (*(had.get("initContainerStatuses") or ()), *(had.get("containerStatuses") or ()))
    }
    sidecars = sidecar_names(pod)
    init = [
        _container(one, before, stage, (None if one["name"] in sidecars and not final else 0), again=False)
        for one in spec.get("initContainers") or ()
    ]
    containers = [_container(one, before, stage, code, again=not final) for one in spec["containers"]]
    facts = PodFacts(
        pod=pod,
        init=init,
        containers=containers,
        addresses=(stage.address,),
        node_addresses=(stage.node_address,),
        sandboxed=True,
        final=final,
        start_time=had.get("startTime") or stage.now,
    )
    conditions = {one["type"]: one for one in had.get("conditions") or ()}
    status = status_of(facts, conditions, stage.now)
    # A whole status is written, not a patch: what is to go is left out.
    ours = [{key: value for key, value in one.items() if value is not None} for one in status["conditions"]]
    others = [one for kind, one in conditions.items() if kind not in {own["type"] for own in ours}]
    return {**had, **status, "conditions": [*ours, *others]}


def _container(
    container: Json, before: dict[str, Json], stage: Stage, code: int | None, *, again: bool
) -> Json:
    """One container's status. code: it has ended so; again: and is to be started again."""
    name = container["name"]
    old = before.get(name) or {}
    state = old.get("state") or {}
    started = (
        (state.get("running") or state.get("terminated") or {}).get("startedAt")
        or ((old.get("lastState") or {}).get("terminated") or {}).get("startedAt")
        or stage.now
    )
    identity = f"fake://{stage.address}/{name}"
    status: Json = {
        "name": name,
        "image": container.get("image", ""),
        "imageID": f"fake://{container.get('image', '')}",
        "containerID": identity,
        "restartCount": 0,
        "ready": code is None and stage.script.ready,
        "started": code is None,
        "lastState": {},
    }
    if code is None:
        return {**status, "state": {"running": {"startedAt": started}}}
    ended = state.get("terminated") or (old.get("lastState") or {}).get("terminated") or {}
    end = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": started,
        "finishedAt": ended.get("finishedAt") or stage.now,
        "containerID": identity,
    }
    if not again:
        return {**status, "state": {"terminated": end}}
    message = f"back-off 10s restarting failed container={name}"
    waiting = {"reason": "CrashLoopBackOff", "message": message}
    return {**status, "restartCount": 1, "state": {"waiting": waiting}, "lastState": {"terminated": end}}
