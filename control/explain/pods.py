"""Pods by the names that people use: ``NAMESPACE/POD``, ``POD``, ``deploy/NAME``, ``NAMESPACE/*``."""

from control.errors import NoSuchPlace
from control.explain.atlas import Atlas
from policy.world import PodFacts

_DEPLOY = ("deploy", "deployment")


def pods_named(atlas: Atlas, text: str, namespace: str) -> list[PodFacts]:
    """The pods with an address that a text means, on the host's network too; none for an unknown name.

    namespace: of names that say none. Raises NoSuchPlace for one pod that is there and has no network (any more).
    """
    workload = without_kind(text, _DEPLOY)
    if workload is not None:
        key = workload if "/" in workload else f"{namespace}/{workload}"
        return [ready.facts for ready in atlas.view.pods if ready.workload == key]
    name = text.removeprefix("pod/")
    found = [pod for pod in atlas.view.world.pods.values() if _is_called(pod, name, namespace)]
    alive = [pod for pod in found if pod.ips and not pod.finished]
    if len(found) == 1 and not alive:
        raise _no_network(atlas, found[0])
    return alive


def without_kind(text: str, kinds: tuple[str, ...]) -> str | None:
    """``KIND/NAME`` → NAME, ``NAMESPACE/KIND/NAME`` and ``KIND/NAMESPACE/NAME`` → NAMESPACE/NAME; None for others."""
    match text.split("/"):
        case [kind, name] if kind in kinds:
            return name
        case [namespace, kind, name] if kind in kinds:
            return f"{namespace}/{name}"
        case [kind, namespace, name] if kind in kinds:
            return f"{namespace}/{name}"
    return None


def _is_called(pod: PodFacts, name: str, namespace: str) -> bool:
    return pod.key in (name, f"{namespace}/{name}") or name == f"{pod.namespace}/*"


def _no_network(atlas: Atlas, pod: PodFacts) -> NoSuchPlace:
    stored = atlas.object("pods", pod.namespace, pod.name) or {}
    phase = (stored.get("status") or {}).get("phase") or "Pending"
    has = "has given its network back" if pod.finished else "has no network yet"
    return NoSuchPlace(
        f"Pod {pod.key} is {phase}: it {has}.", f"podwire kubectl -n {pod.namespace} describe pod {pod.name}"
    )
