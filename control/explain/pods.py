"""Pods by the names that people use: ``NAMESPACE/POD``, ``POD``, ``deploy/NAME``, ``NAMESPACE/*``."""

from control.errors import NoSuchPlace
from control.explain.atlas import Atlas
from policy.world import PodFacts

_DEPLOY = ("deploy", "deployment")


def pods_named(atlas: Atlas, text: str, namespace: str) -> list[PodFacts]:
    """The pods with an address that a text means, on the host's network too; none for an unknown name.

    namespace: of names that say none. Raises NoSuchPlace for one pod that is there and has no network (any more).
    """
    parts = text.split("/")
    workload = [part for part in parts if part not in _DEPLOY]
    if workload and len(workload) < len(parts):
        key = "/".join(workload) if len(workload) == 2 else f"{namespace}/{workload[-1]}"
        return [ready.facts for ready in atlas.view.pods if ready.workload == key]
    name = text.removeprefix("pod/")
    found = [pod for pod in atlas.view.world.pods.values() if _is_called(pod, name, namespace)]
    alive = [pod for pod in found if pod.ips and not pod.finished]
    if len(found) == 1 and not alive:
        raise _no_network(atlas, found[0])
    return alive


def _is_called(pod: PodFacts, name: str, namespace: str) -> bool:
    return pod.key in (name, f"{namespace}/{name}") or name == f"{pod.namespace}/*"


def _no_network(atlas: Atlas, pod: PodFacts) -> NoSuchPlace:
    stored = atlas.object("pods", pod.namespace, pod.name) or {}
    phase = (stored.get("status") or {}).get("phase") or "Pending"
    has = "has given its network back" if pod.finished else "has no network yet"
    return NoSuchPlace(
        f"Pod {pod.key} is {phase}: it {has}.", f"podwire kubectl -n {pod.namespace} describe pod {pod.name}"
    )
