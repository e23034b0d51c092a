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

PROTOCOLS = ("SCTP", "TCP", "UDP")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


@dataclass(slots=True)
class PodNames:
    """What is named once in a pod."""

    volumes: frozenset[str]
    containers: set[str] = field(default_factory=set)
    host_ports: set[str] = field(default_factory=set)
    host_network: bool = False
    claims: frozenset[str] = frozenset()


def containers(items: list[dict[str, Any]], path: str, names: PodNames, *, init: bool) -> list[Cause]:
    """The containers of one list; ``names`` collects what must be unique over the pod."""
    found: list[Cause] = []
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        found += _container(item, at, names)
        name = item.get("name", "")
        if name and name in names.containers:
            found.append(causes.duplicate(f"{at}.name", name))
        names.containers.add(name)
        if init and item.get("restartPolicy") != "Always":
            for kind in ("lifecycle", *_PROBES):
                if kind in item:
                    said = "may not be set for init containers without restartPolicy=Always"
                    found.append(causes.forbidden(f"{at}.{kind}", said))
        if not init:
            names_in_policy = item.get("restartPolicy")
            if names_in_policy and names_in_policy not in ("Always", "Never", "OnFailure"):
                supported = ("Always", "Never", "OnFailure")
                found.append(causes.not_supported(f"{at}.restartPolicy", names_in_policy, supported))
    return found


def _container(item: dict[str, Any], at: str, names: PodNames) -> list[Cause]:
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
    elif image != image.strip():
        said = "must not have leading or trailing whitespace"
        found.append(causes.invalid(f"{at}.image", image, said))
    policy = item.get("imagePullPolicy", "")
    if policy not in PULL_POLICIES:
        found += causes.one_of(f"{at}.imagePullPolicy", policy, PULL_POLICIES)
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
        found += _mounts(item["volumeMounts"], f"{at}.volumeMounts", names.volumes)
    for kind in _PROBES:
        if kind in item:
            found += probe(item[kind], f"{at}.{kind}", kind)
    if "lifecycle" in item:
        for kind in ("postStart", "preStop"):
            if kind in item["lifecycle"]:
                found += handler(item["lifecycle"][kind], f"{at}.lifecycle.{kind}", lifecycle=True)
    if item.get("resources"):
        found += resource_requirements(item["resources"], f"{at}.resources")
    if item.get("securityContext"):
        found += container_security(item["securityContext"], f"{at}.securityContext")
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
            key = f"{protocol}/{item.get('hostIP', '')}/{host}"
            if key in names.host_ports:
                found.append(causes.duplicate(f"{at}.hostPort", key))
            names.host_ports.add(key)
    return found


def _mounts(items: list[Mapping[str, Any]], path: str, volumes: frozenset[str]) -> list[Cause]:
    found: list[Cause] = []
    places: set[str] = set()
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        name, place = item.get("name", ""), item.get("mountPath", "")
        if not name:
            found.append(causes.required(f"{at}.name"))
        elif name not in volumes:
            found.append(causes.not_found(f"{at}.name", name))
        if not place:
            found.append(causes.required(f"{at}.mountPath"))
        elif place in places:
            found.append(causes.invalid(f"{at}.mountPath", place, "must be unique"))
        places.add(place)
        for key in ("subPath", "subPathExpr"):
            if item.get(key):
                found += local_path(item[key], f"{at}.{key}")
        if item.get("subPath") and item.get("subPathExpr"):
            said = "subPathExpr and subPath are mutually exclusive"
            found.append(causes.invalid(f"{at}.subPathExpr", item["subPathExpr"], said))
        modes = ("Bidirectional", "HostToContainer", "None")
        if item.get("mountPropagation", "None") not in modes:
            found.append(causes.not_supported(f"{at}.mountPropagation", item["mountPropagation"], modes))
    return found


def local_path(value: str, path: str) -> list[Cause]:
    """A path below a volume: relative, without ``..``."""
    found = []
    if value.startswith("/"):
        found.append(causes.invalid(path, value, "must be a relative path"))
    if ".." in value.split("/"):
        found.append(causes.invalid(path, value, "must not contain '..'"))
    return found
