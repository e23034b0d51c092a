"""Defaults of pods, containers and volumes that depend on other fields."""

from collections.abc import Callable
from typing import Any

from control.schema.tables import CORE, message

_SOURCES = frozenset(message(CORE + "VolumeSource").json_fields)


def pull_policy(image: str) -> str:
    """Always for ``latest`` or no tag at all, else IfNotPresent (a digest pins the image)."""
    name, _, digest = image.partition("@")
    last = name.rpartition("/")[2]
    tag = last.partition(":")[2]
    return "IfNotPresent" if digest or (tag and tag != "latest") else "Always"


def _pod(pod: dict[str, Any]) -> None:
    """What holds for a pod but not for a pod template."""
    spec = pod.get("spec")
    if spec is None:
        return
    spec.setdefault("enableServiceLinks", True)
    for group in ("containers", "initContainers"):
        for container in spec.get(group, ()):
            _requests_from_limits(container.get("resources"))
            if spec.get("hostNetwork"):
                for port in container.get("ports", ()):
                    if not port.get("hostPort"):
                        port["hostPort"] = port.get("containerPort", 0)


def _requests_from_limits(resources: dict[str, Any] | None) -> None:
    limits = resources.get("limits") if resources else None
    if resources is None or not limits:
        return
    requests = resources.setdefault("requests", {})
    for name, amount in limits.items():
        requests.setdefault(name, amount)


def _pod_spec(spec: dict[str, Any]) -> None:
    """The old and the new name of the service account are one field."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account


def _container(container: dict[str, Any]) -> None:
    if "imagePullPolicy" not in container:
        container["imagePullPolicy"] = pull_policy(container.get("image", ""))


def _volume(volume: dict[str, Any]) -> None:
    if _SOURCES.isdisjoint(volume):
        volume["emptyDir"] = {}


POD_DEFAULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    CORE + "Pod": _pod,
    CORE + "PodSpec": _pod_spec,
    CORE + "Container": _container,
    CORE + "EphemeralContainer": _container,
    CORE + "Volume": _volume,
}
