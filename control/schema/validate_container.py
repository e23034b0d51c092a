"""Rules for containers: ports, environment, mounts, resources, lifecycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_env import env_from, env_vars
from control.schema.validate_probe import handler, probe
from control.schema.validate_resources import resource_requirements
from control.schema.validate_security import container_security
from control.schema.validate_volume import local_path

PROTOCOLS = ("SCTP", "TCP", "UDP")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
RESTART_POLICIES = ("Always", "Never", "OnFailure")
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


@dataclass(slots=True)
class PodNames:
    """What is named once in a pod."""

    volumes: Mapping[str, Mapping[str, Any]]
    """Name → the volume, with its source."""
    containers: set[str] = field(default_factory=set)
    host_network: bool = False
    grace_s: int = 30


def containers(items: list[dict[str, Any]], path: str, names: PodNames, *, init: bool) -> list[Cause]:
    """The containers of one list; ``names`` collects what must be unique over the pod."""
    found: list[Cause] = []
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        found += container(item, at, names)
        policy = item.get("restartPolicy")
        if policy is not None and policy not in RESTART_POLICIES:
            found.append(causes.not_supported(f"{at}.restartPolicy", policy, RESTART_POLICIES))
        if policy is None and item.get("restartPolicyRules"):
            said = "must specify restartPolicy when restart rules are used"
            found.append(causes.required(f"{at}.restartPolicy", said))
        name = item.get("name", "")
        if name in names.containers and (name or not init):
            found.append(causes.duplicate(f"{at}.name", name))
        names.containers.add(name)
        if init:
            found += _host_ports([item], path)  # one is gone before the next one runs
        if not init or policy == "Always":
            found += _probes(item, at, names)
            continue
        for kind in ("lifecycle", *_PROBES):
            if kind in item:
                said = "may not be set for init containers without restartPolicy=Always"
                found.append(causes.forbidden(f"{at}.{kind}", said))
    return found if init else found + _host_ports(items, path)


def _probes(item: dict[str, Any], at: str, names: PodNames) -> list[Cause]:
    found: list[Cause] = []
    for kind in ("postStart", "preStop"):
        if kind in item.get("lifecycle", {}):
            hook = item["lifecycle"][kind]
            found += handler(hook, f"{at}.lifecycle.{kind}", grace_s=names.grace_s)
    for kind in _PROBES:
        if kind in item:
            found += probe(item[kind], f"{at}.{kind}", kind)
    return found


def _host_ports(items: list[dict[str, Any]], path: str) -> list[Cause]:
    found: list[Cause] = []
    taken: set[str] = set()
    for index, item in enumerate(items):
        for number, port in enumerate(item.get("ports", ())):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in taken:
                found.append(causes.duplicate(f"{path}[{index}].ports[{number}].hostPort", key))
            taken.add(key)
    return found


def container(item: dict[str, Any], at: str, names: PodNames) -> list[Cause]:
    """What holds for containers of each kind, one of them."""
    found: list[Cause] = []
    name, image = item.get("name", ""), item.get("image", "")
    if not name:
        found.append(causes.required(f"{at}.name"))
    else:
        wrong = formats.label(name)
        if wrong:
            found += causes.all_invalid(f"{at}.name", name, wrong)
    if not image:
        found.append(causes.required(f"{at}.image"))
    policy = item.get("terminationMessagePolicy", "")
    if policy not in ("File", "FallbackToLogsOnError"):
        found += causes.one_of(f"{at}.terminationMessagePolicy", policy, ("File", "FallbackToLogsOnError"))
    if "ports" in item:
        found += _ports(item["ports"], f"{at}.ports", names)
    if "env" in item:
        found += env_vars(item["env"], f"{at}.env")
    if "envFrom" in item:
        found += env_from(item["envFrom"], f"{at}.envFrom")
    if "volumeMounts" in item:
        found += _mounts(item, f"{at}.volumeMounts", names.volumes)
    if "volumeDevices" in item:
        found += _devices(item["volumeDevices"], f"{at}.volumeDevices", names.volumes)
    policy = item.get("imagePullPolicy", "")
    if policy not in PULL_POLICIES:
        found += causes.one_of(f"{at}.imagePullPolicy", policy, PULL_POLICIES)
    if item.get("resources"):
        found += resource_requirements(item["resources"], f"{at}.resources")
    if item.get("securityContext"):
        found += container_security(item["securityContext"], f"{at}.securityContext")
    return found


def images(containers: list[dict[str, Any]], path: str, start: int = 0) -> list[Cause]:
    """What holds for the images of a pod, and not of a pod template. start: index of the first."""
    found = []
    for index, item in enumerate(containers, start):
        image, at = item.get("image", ""), f"{path}[{index}].image"
        if image != image.strip():
            found.append(causes.invalid(at, image, "must not have leading or trailing whitespace"))
    return found


def _ports(items: list[dict[str, Any]], path: str, names: PodNames) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        name = item.get("name", "")
        if name:
            wrong = formats.port_name(name)
            if wrong:
                found += causes.all_invalid(f"{at}.name", name, wrong)
            elif name in seen:
                found.append(causes.duplicate(f"{at}.name", name))
            seen.add(name)
        port, host = item.get("containerPort", 0), item.get("hostPort", 0)
        if not port:
            found.append(causes.required(f"{at}.containerPort"))
        else:
            found += causes.all_invalid(f"{at}.containerPort", port, formats.port_number(port))
        protocol = item.get("protocol", "")
        if protocol not in PROTOCOLS:
            found += causes.one_of(f"{at}.protocol", protocol, PROTOCOLS)
        if host:
            found += causes.all_invalid(f"{at}.hostPort", host, formats.port_number(host))
            if names.host_network and host != port:
                said = "must match `hostPort` when `hostNetwork` is true"
                found.append(causes.invalid(f"{at}.containerPort", port, said))
    return found


def _mounts(container: Mapping[str, Any], path: str, volumes: Mapping[str, Any]) -> list[Cause]:
    """A container's mounts; upstream leaves the index out of some paths."""
    found: list[Cause] = []
    places: set[str] = set()
    for index, item in enumerate(container["volumeMounts"]):
        at = f"{path}[{index}]"
        name, place = item.get("name", ""), item.get("mountPath", "")
        if not name:
            found.append(causes.required(f"{at}.name"))
        if name not in volumes:
            found.append(causes.not_found(f"{at}.name", name))
        if not place:
            found.append(causes.required(f"{at}.mountPath"))
        if place in places:
            found.append(causes.invalid(f"{at}.mountPath", place, "must be unique"))
        places.add(place)
        if item.get("subPath"):
            found += local_path(item["subPath"], f"{path}.subPath")
        if item.get("subPathExpr"):
            if item.get("subPath"):
                said = "subPathExpr and subPath are mutually exclusive"
                found.append(causes.invalid(f"{at}.subPathExpr", item["subPathExpr"], said))
            found += local_path(item["subPathExpr"], f"{path}.subPathExpr")
        found += _mount_modes(container, item, path)
    return found


def _mount_modes(container: Mapping[str, Any], item: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    mode, recursive = item.get("mountPropagation"), item.get("recursiveReadOnly")
    if mode is not None and mode not in _PROPAGATIONS:
        found.append(causes.not_supported(f"{path}.mountPropagation", mode, _PROPAGATIONS))
    if mode == "Bidirectional" and not container.get("securityContext", {}).get("privileged"):
        said = "Bidirectional mount propagation is available only to privileged containers"
        found.append(causes.forbidden(f"{path}.mountPropagation", said))
    if recursive is not None and recursive not in _RECURSIVE:
        found.append(causes.not_supported(f"{path}.recursiveReadOnly", recursive, _RECURSIVE))
    return found


def _devices(items: list[Mapping[str, Any]], path: str, volumes: Mapping[str, Any]) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    places: set[str] = set()
    for index, item in enumerate(items):
        at, name, place = f"{path}[{index}]", item.get("name", ""), item.get("devicePath", "")
        if not name:
            found.append(causes.required(f"{at}.name"))
        if name in names:
            found.append(causes.invalid(f"{at}.name", name, "must be unique"))
        if name not in volumes:
            found.append(causes.not_found(f"{at}.name", name))
        elif not {"persistentVolumeClaim", "ephemeral"} & volumes[name].keys():
            said = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            found.append(causes.invalid(f"{at}.name", name, said))
        if not place:
            found.append(causes.required(f"{at}.devicePath"))
        if place in places:
            found.append(causes.invalid(f"{at}.devicePath", place, "must be unique"))
        names |= {name} - {""}
        places.add(place)
    return found
