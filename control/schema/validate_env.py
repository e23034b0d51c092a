"""Rules for a container's environment."""

import re
from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats

_FIELDS = frozenset((
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
))  # fmt: skip
_VOLUME_FIELDS = frozenset((
    "metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid",
))  # fmt: skip
_KNOWN_FIELDS = _FIELDS | _VOLUME_FIELDS | {"spec.restartPolicy", "spec.schedulerName", "status.phase"}
_SUBSCRIPT = re.compile(r"(metadata\.(?:labels|annotations))\['(.+)'\]")
_RESOURCES = (
    "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
    "requests.memory",
)  # fmt: skip
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def env_vars(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """A container's ``env``."""
    found: list[Cause] = []
    for index, item in enumerate(items):
        name = item.get("name", "")
        if not name:
            found.append(causes.required(f"{path}[{index}].name"))
        else:
            wrong = formats.env_name(name)
            if wrong:
                found += causes.all_invalid(f"{path}[{index}].name", name, wrong)
        source = item.get("valueFrom")
        if source is not None:
            found += _source(item, source, f"{path}[{index}].valueFrom")
    return found


def _source(item: Mapping[str, Any], source: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    if "fieldRef" in source:
        found += field_ref(source["fieldRef"], f"{path}.fieldRef", volume=False)
    if "resourceFieldRef" in source:
        found += resource_ref(source["resourceFieldRef"], f"{path}.resourceFieldRef", volume=False)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            found += _key_ref(source[kind], f"{path}.{kind}")
    given = sum(kind in source for kind in _SOURCES)
    if given == 0:
        names = "fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef or fileKeyRef"
        found.append(causes.invalid(path, "", f"must specify one of: `{names.replace(', ', '`, `')}`"))
    elif item.get("value"):
        found.append(causes.invalid(path, "", "may not be specified when `value` is not empty"))
    elif given > 1:
        found.append(causes.invalid(path, "", "may not have more than one field specified at a time"))
    return found


def _key_ref(ref: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    if not ref.get("name"):
        found.append(causes.required(f"{path}.name"))
    if not ref.get("key"):
        found.append(causes.required(f"{path}.key"))
    else:
        found += causes.all_invalid(f"{path}.key", ref["key"], formats.config_key(ref["key"]))
    return found


def field_ref(ref: Mapping[str, Any], path: str, *, volume: bool) -> list[Cause]:
    """A fieldRef of an environment variable, or of a downward API volume."""
    if not ref.get("apiVersion"):
        return [causes.required(f"{path}.apiVersion")]
    wanted = ref.get("fieldPath", "")
    if not wanted:
        return [causes.required(f"{path}.fieldPath")]
    match = _SUBSCRIPT.fullmatch(wanted)
    if match is not None:
        key = match.group(2)
        return causes.all_invalid(f"{path}.fieldPath", key, formats.qualified_name(key.lower()))
    allowed = _VOLUME_FIELDS if volume else _FIELDS
    if wanted in allowed:
        return []
    if wanted not in _KNOWN_FIELDS:
        said = f"error converting fieldPath: field label not supported: {wanted}"
        return [causes.invalid(f"{path}.fieldPath", wanted, said)]
    return [causes.not_supported(f"{path}.fieldPath", wanted, allowed)]


def resource_ref(ref: Mapping[str, Any], path: str, *, volume: bool) -> list[Cause]:
    """A resourceFieldRef; a volume's must name its container."""
    if volume and not ref.get("containerName"):
        return [causes.required(f"{path}.containerName")]
    wanted = ref.get("resource", "")
    if not wanted:
        return [causes.required(f"{path}.resource")]
    if wanted not in _RESOURCES and not wanted.startswith(("limits.hugepages-", "requests.hugepages-")):
        return [causes.not_supported(f"{path}.resource", wanted, _RESOURCES)]
    return []


def env_from(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """A container's ``envFrom``."""
    found: list[Cause] = []
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        if item.get("prefix"):
            found += causes.all_invalid(f"{at}.prefix", item["prefix"], formats.env_name(item["prefix"]))
        given = [kind for kind in ("configMapRef", "secretRef") if kind in item]
        if not given:
            found.append(causes.invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            said = "may not have more than one field specified at a time"
            found.append(causes.invalid(at, "", said))
        for kind in given:
            if not item[kind].get("name"):
                found.append(causes.required(f"{at}.{kind}.name"))
    return found
