"""Defaults of pods, containers and volumes that depend on other fields."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from control.schema.images import tag
from control.schema.tables import CORE, message

_SOURCES = frozenset(message(CORE + "VolumeSource").json_fields)


@lru_cache(maxsize=4096)
def pull_policy(image: str) -> str:
    """Always for the tag ``latest`` (said or not), else IfNotPresent; so too for what is no image's name."""
    return "Always" if tag(image) == "latest" else "IfNotPresent"


def _pod(pod: dict[str, Any]) -> None:
    """What holds for a pod but not for a pod template."""
    spec = pod.get("spec")
    if spec is None:
        return
    spec.setdefault("enableServiceLinks", True)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
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
    image = volume.get("image")
    if image is not None and "pullPolicy" not in image:
        image["pullPolicy"] = pull_policy(image.get("reference", ""))


def _pod_status(status: dict[str, Any]) -> None:
    """podIP is the first of podIPs; where they differ the single one holds."""
    one, several = status.get("podIP"), status.get("podIPs")
    if one and (not several or several[0].get("ip") != one):
        status["podIPs"] = [{"ip": one}]
    elif several and not one:
        status["podIP"] = several[0].get("ip", "")


POD_DEFAULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    CORE + "Pod": _pod,
    CORE + "PodSpec": _pod_spec,
    CORE + "PodStatus": _pod_status,
    CORE + "Container": _container,
    CORE + "EphemeralContainer": _container,
    CORE + "Volume": _volume,
}
