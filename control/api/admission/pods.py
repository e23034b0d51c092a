"""What admission writes into pods: tolerations and priority as upstream's plug-ins do; and podwire's own refusal."""

from typing import Any, Final

from control.api.admission.attempt import Attempt, Operation
from control.api.refusals import forbidden
from control.api.request import Json
from control.store.contract import Key, Store

_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_CLASSES: Final = "scheduling.k8s.io/priorityclasses"
_PREEMPTS: Final = "PreemptLowerPriority"
_SYSTEM_PRIORITIES: Final = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}


def _new_pod(attempt: Attempt) -> Json | None:
    creates = attempt.operation is Operation.CREATE and attempt.resource == "/pods"
    return attempt.new if creates and not attempt.subresource else None


class DefaultTolerationSeconds:
    """Pods stay a while on a node that is not ready or not reachable, unless they say otherwise."""

    def __init__(self, tolerated_s: int = 300) -> None:
        self._tolerated_s = tolerated_s

    def admit(self, attempt: Attempt) -> None:
        """Append the two tolerations that are missing."""
        pod = _new_pod(attempt)
        if pod is None:
            return
        have: list[Json] = pod["spec"].get("tolerations") or []
        for taint in _TAINTS:
            if not any(_tolerates(toleration, taint) for toleration in have):
                added = {"key": taint, "operator": "Exists", "effect": "NoExecute"}
                have.append({**added, "tolerationSeconds": self._tolerated_s})
        pod["spec"]["tolerations"] = have


def _tolerates(toleration: Json, taint: str) -> bool:
    key, effect = toleration.get("key", ""), toleration.get("effect", "")
    return key in ("", taint) and effect in ("", "NoExecute")


class Priority:
    """Every pod has a priority: that of its PriorityClass, else of the global default, else 0."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def admit(self, attempt: Attempt) -> None:
        """Set spec.priority and spec.preemptionPolicy. Raises Forbidden for a class that is not there."""
        pod = _new_pod(attempt)
        if pod is None:
            return
        spec = pod["spec"]
        name = spec.get("priorityClassName", "")
        if name in _SYSTEM_PRIORITIES:
            spec["priority"] = _SYSTEM_PRIORITIES[name]
            spec.setdefault("preemptionPolicy", _PREEMPTS)
            return
        found = self._named(name) if name else self._default()
        if name and found is None:
            raise forbidden(attempt.row, attempt.name, f"no PriorityClass with name {name} was found")
        if found is not None:
            spec["priorityClassName"] = found["metadata"]["name"]
        spec["priority"] = found.get("value", 0) if found is not None else 0
        spec.setdefault("preemptionPolicy", (found or {}).get("preemptionPolicy") or _PREEMPTS)

    def _named(self, name: str) -> Json | None:
        entry = self._store.get(Key(_CLASSES, "", name))
        return entry.parsed() if entry is not None else None

    def _default(self) -> Json | None:
        classes = [entry.parsed() for entry in self._store.list(_CLASSES)]
        return next((one for one in classes if one.get("globalDefault")), None)


class NoPrivilege:
    """podwire's own rule: a privileged container would be root of the user's machine."""

    def admit(self, attempt: Attempt) -> None:
        """Raises Forbidden naming the field."""
        if attempt.new is None or attempt.resource != "/pods":
            return
        spec: dict[str, Any] = attempt.new.get("spec", {})
        for kind in ("initContainers", "containers", "ephemeralContainers"):
            for index, container in enumerate(spec.get(kind) or ()):
                if (container.get("securityContext") or {}).get("privileged"):
                    field = f"spec.{kind}[{index}].securityContext.privileged"
                    why = (
                        f"{field}: true is refused by podwire: its containers share this machine's kernel,"
                        " and a privileged one would be root on it"
                    )
                    raise forbidden(attempt.row, attempt.name, why)
