"""A container's environment: service links, envFrom, env, and the downward API."""

import base64
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.agents.kubelet_errors import ConfigError
from control.schema.quantity import parse

Json = dict[str, Any]
_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_.-][A-Za-z0-9_.-]*)\))")
_KEYED = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


@dataclass(frozen=True, slots=True)
class Sources:
    """What an environment is made from. configmaps, secrets: by name; None for one that is not there.

    links: variables of the namespace's Services. addresses: the pod's. node_addresses: the node's.
    capacity: the node's allocatable ``cpu`` and ``memory``, for limits that are not set.
    """

    configmaps: Mapping[str, Json | None]
    secrets: Mapping[str, Json | None]
    links: Mapping[str, str]
    addresses: tuple[str, ...]
    node_addresses: tuple[str, ...]
    capacity: Mapping[str, str] = field(default_factory=dict)


def names_needed(container: Json) -> tuple[set[str], set[str]]:
    """ConfigMaps and Secrets that a container's environment names."""
    configmaps, secrets = set(), set()
    for source in container.get("envFrom") or []:
        if "configMapRef" in source:
            configmaps.add(source["configMapRef"]["name"])
        if "secretRef" in source:
            secrets.add(source["secretRef"]["name"])
    for item in container.get("env") or []:
        origin = item.get("valueFrom") or {}
        if "configMapKeyRef" in origin:
            configmaps.add(origin["configMapKeyRef"]["name"])
        if "secretKeyRef" in origin:
            secrets.add(origin["secretKeyRef"]["name"])
    return configmaps, secrets


def declared(pod: Json, container: Json, sources: Sources) -> dict[str, str]:
    """What the manifest itself declares, in order, references expanded. Raises ConfigError as upstream words it."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        found.update(_all_of(pod, source, sources))
    for item in container.get("env") or []:
        name = item["name"]
        if "valueFrom" in item:
            value = _from(pod, container, item["valueFrom"], sources)
            if value is not None:
                found[name] = value
        else:
            found[name] = expand(str(item.get("value", "")), {**sources.links, **found})
    return found


def expand(text: str, known: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced where NAME is known; ``$$`` is a dollar.

    >>> expand("$(A)-$(B)-$$(A)", {"A": "1"})
    '1-$(B)-$(A)'
    """
    return _REFERENCE.sub(lambda m: "$" if m[1] is None else known.get(m[1], m[0]), text)


def service_links(services: Iterable[Json]) -> dict[str, str]:
    """The variables that Docker's links once made, for Services with a cluster address."""
    found: dict[str, str] = {}
    for service in services:
        address = service.get("spec", {}).get("clusterIP", "")
        ports = service.get("spec", {}).get("ports") or []
        if not address or address == "None" or not ports:
            continue
        prefix = service["metadata"]["name"].upper().replace("-", "_")
        found[f"{prefix}_SERVICE_HOST"] = address
        found[f"{prefix}_SERVICE_PORT"] = str(ports[0]["port"])
        host = f"[{address}]" if ":" in address else address
        for number, port in enumerate(ports):
            if port.get("name"):
                key = port["name"].upper().replace("-", "_")
                found[f"{prefix}_SERVICE_PORT_{key}"] = str(port["port"])
            protocol = port.get("protocol", "TCP")
            url = f"{protocol.lower()}://{host}:{port['port']}"
            if number == 0:
                found[f"{prefix}_PORT"] = url
            stem = f"{prefix}_PORT_{port['port']}_{protocol}"
            found |= {
                stem: url,
                f"{stem}_PROTO": protocol.lower(),
                f"{stem}_PORT": str(port["port"]),
                f"{stem}_ADDR": address,
            }
    return found


def field_value(pod: Json, path: str, sources: Sources) -> str:
    """A downward API field. Raises ConfigError for a path that it does not have."""
    meta, spec = pod["metadata"], pod["spec"]
    plain = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta.get("namespace", ""),
        "metadata.uid": meta.get("uid", ""),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": sources.node_addresses[0] if sources.node_addresses else "",
        "status.hostIPs": ",".join(sources.node_addresses),
        "status.podIP": sources.addresses[0] if sources.addresses else "",
        "status.podIPs": ",".join(sources.addresses),
    }
    if path in plain:
        return str(plain[path])
    if path in {"metadata.labels", "metadata.annotations"}:
        table = meta.get(path.removeprefix("metadata.")) or {}
        return "\n".join(f'{key}="{_escaped(value)}"' for key, value in sorted(table.items()))
    if match := _KEYED.match(path):
        return str((meta.get(match[1]) or {}).get(match[2], ""))
    raise ConfigError(f"unsupported fieldPath: {path}")


def resource_value(pod: Json, container: Json, reference: Json, sources: Sources) -> str:
    """A container's limit or request, divided and rounded up; the node's own where no limit is set."""
    name = reference.get("containerName")
    if name:
        every = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
        container = next((c for c in every if c["name"] == name), container)
    kind, _, resource = reference["resource"].partition(".")
    resources = container.get("resources") or {}
    amount = (resources.get(kind) or {}).get(resource)
    if amount is None and kind == "limits":
        amount = sources.capacity.get(resource)
    value = parse(str(amount or "0")) / (parse(str(reference.get("divisor") or "1")) or 1)
    return str(math.ceil(value))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _all_of(pod: Json, source: Json, sources: Sources) -> dict[str, str]:
    prefix = source.get("prefix", "")
    if "configMapRef" in source:
        reference, table, kind = source["configMapRef"], sources.configmaps, "configmap"
    elif "secretRef" in source:
        reference, table, kind = source["secretRef"], sources.secrets, "secret"
    else:
        return {}
    obj = table.get(reference["name"])
    if obj is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    return {prefix + key: value for key, value in _data(obj).items()}


def _from(pod: Json, container: Json, origin: Json, sources: Sources) -> str | None:
    if "fieldRef" in origin:
        return field_value(pod, origin["fieldRef"]["fieldPath"], sources)
    if "resourceFieldRef" in origin:
        return resource_value(pod, container, origin["resourceFieldRef"], sources)
    for key, table, kind, words in (
        ("configMapKeyRef", sources.configmaps, "configmap", "ConfigMap"),
        ("secretKeyRef", sources.secrets, "secret", "Secret"),
    ):
        if key not in origin:
            continue
        reference = origin[key]
        obj = table.get(reference["name"])
        if obj is None:
            if reference.get("optional"):
                return None
            raise ConfigError(f'{kind} "{reference["name"]}" not found')
        data = _data(obj)
        if reference["key"] in data:
            return data[reference["key"]]
        if reference.get("optional"):
            return None
        namespace = pod["metadata"].get("namespace", "")
        raise ConfigError(f"couldn't find key {reference['key']} in {words} {namespace}/{reference['name']}")
    return None


def _data(obj: Json) -> dict[str, str]:
    """A ConfigMap's or Secret's data as text."""
    if obj.get("kind") == "Secret" or "stringData" in obj or "type" in obj:
        return {key: value.decode(errors="replace") for key, value in bytes_of(obj).items()}
    return dict(obj.get("data") or {})


def bytes_of(obj: Json) -> dict[str, bytes]:
    """A ConfigMap's or Secret's data as bytes, by key."""
    if obj.get("kind") == "Secret" or "type" in obj:
        return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
    found = {key: str(value).encode() for key, value in (obj.get("data") or {}).items()}
    found |= {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    return found
