"""The cells of pods."""

from typing import Any

from control.schema.table_cells import NONE, Cells, Obj, age, condition, head

_COMPLETED = {
    "Succeeded": ("Succeeded", "The pod has completed successfully."),
    "Failed": ("Failed", "The pod failed."),
}


def pod(obj: Obj, now: float) -> list[Any]:
    """Name, ready, status, restarts, age; wide: IP, node, nominated node, readiness gates."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    told = _Told(obj)
    told.init_containers()
    if not told.initializing or _is(obj, "Initialized"):
        told.containers()
    restarts = str(told.restarts)
    if told.restarts and told.restarted_at:
        restarts = f"{told.restarts} ({age(told.restarted_at, now)} ago)"
    name, since = head(obj, now)
    addresses = [item.get("ip", "") for item in status.get("podIPs") or ()]
    return [
        name,
        f"{told.ready}/{told.total}",
        told.final_reason(),
        restarts,
        since,
        (addresses[0] if addresses else status.get("podIP", "")) or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(obj),
    ]


def _is(obj: Obj, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found.get("status") == "True"


def _gates(obj: Obj) -> str:
    gates = obj.get("spec", {}).get("readinessGates") or ()
    if not gates:
        return NONE
    return f"{sum(_is(obj, gate.get('conditionType', '')) for gate in gates)}/{len(gates)}"


class _Told:
    """What a pod's statuses add up to; read in upstream's order, a later one wins."""

    def __init__(self, obj: Obj) -> None:
        self._obj = obj
        self._status = obj.get("status", {})
        self._init = obj.get("spec", {}).get("initContainers") or []
        self._sidecars = {item.get("name") for item in self._init if item.get("restartPolicy") == "Always"}
        self.total = len(obj.get("spec", {}).get("containers") or ()) + len(self._sidecars)
        self.ready = 0
        self.restarts = 0
        self.restarted_at = ""
        self.initializing = False
        self._sidecar_restarts = 0
        self._sidecar_restarted_at = ""
        scheduled = condition(obj, "PodScheduled") or {}
        self._reason = self._status.get("reason") or self._status.get("phase", "")
        if scheduled.get("reason") == "SchedulingGated":
            self._reason = "SchedulingGated"

    def init_containers(self) -> None:
        """``Init:1/2``, or why the first unfinished one does not finish."""
        for index, item in enumerate(self._status.get("initContainerStatuses") or ()):
            self.restarts += item.get("restartCount", 0)
            self.restarted_at = max(self.restarted_at, _last_end(item))
            sidecar = item.get("name") in self._sidecars
            if sidecar:
                self._sidecar_restarts += item.get("restartCount", 0)
                self._sidecar_restarted_at = max(self._sidecar_restarted_at, _last_end(item))
            state = item.get("state", {})
            ended, waiting = state.get("terminated"), state.get("waiting") or {}
            if ended is not None and not ended.get("exitCode"):
                continue
            if sidecar and item.get("started"):
                self.ready += bool(item.get("ready"))
                continue
            self.initializing = True
            if ended is not None:
                self._reason = "Init:" + _end(ended)
            elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
                self._reason = "Init:" + waiting["reason"]
            else:
                self._reason = f"Init:{index}/{len(self._init)}"
            return

    def containers(self) -> None:
        """Waiting and ended containers tell why; running and ready ones count."""
        self.restarts, self.restarted_at = self._sidecar_restarts, self._sidecar_restarted_at
        running = False
        for item in reversed(self._status.get("containerStatuses") or ()):
            self.restarts += item.get("restartCount", 0)
            self.restarted_at = max(self.restarted_at, _last_end(item))
            state = item.get("state", {})
            if (state.get("waiting") or {}).get("reason"):
                self._reason = state["waiting"]["reason"]
            elif state.get("terminated") is not None:
                self._reason = _end(state["terminated"])
            elif item.get("ready") and state.get("running") is not None:
                running = True
                self.ready += 1
        if self._reason == "Completed" and running:
            self._reason = "Running" if _is(self._obj, "Ready") else "NotReady"

    def final_reason(self) -> str:
        """With what deletion makes of it."""
        if not self._obj.get("metadata", {}).get("deletionTimestamp"):
            return str(self._reason)
        if self._status.get("reason") == "NodeLost":
            return "Unknown"
        return str(self._reason) if self._status.get("phase") in _COMPLETED else "Terminating"


def _last_end(item: Obj) -> str:
    """When the container's previous run ended; empty when there was none."""
    return str(((item.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or "")


def _end(ended: Obj) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def row_conditions(obj: Obj) -> list[dict[str, Any]]:
    """kubectl greys out pods that are over."""
    reason = _COMPLETED.get(obj.get("status", {}).get("phase", ""))
    if reason is None:
        return []
    return [{"type": "Completed", "status": "True", "reason": reason[0], "message": reason[1]}]


PRINTERS: dict[str, Cells] = {"pods": pod}
