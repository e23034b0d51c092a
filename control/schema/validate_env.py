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
_SIZES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SIZES_WORDS = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the"
_DIVISORS = {
    "cpu": (("1m", "1"), "1m and 1 are supported with the cpu"),
    "memory": (_SIZES, f"{_SIZES_WORDS} memory"),
    "ephemeral": (_SIZES, f"{_SIZES_WORDS} local ephemeral storage"),
    "hugepages": (_SIZES, f"{_SIZES_WORDS} hugepages"),
}
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
    missing = [
        key for key in ("key", "volumeName", "path") if not source.get("fileKeyRef", {key: "x"}).get(key)
    ]
    found += [causes.required(f"{path}.fileKeyRef.{key}") for key in missing]
    given = sum(kind in source for kind in _SOURCES)
    if given == 0:
        names = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        found.append(causes.invalid(path, "", f"must specify one of: {names}"))
    elif item.get("value"):
        found.append(causes.invalid(path, "", "may not be specified when `value` is not empty"))
    elif given > 1:
        found.append(causes.invalid(path, "", "may not have more than one field specified at a time"))
    return found


def _key_ref(ref: Mapping[str, Any], path: str) -> list[Cause]:
    name = ref.get("name", "")
    found = causes.all_invalid(f"{path}.name", name, formats.subdomain(name))
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
    if ref["apiVersion"] != "v1":
        said = f"error converting fieldPath: unsupported pod version: {ref['apiVersion']}"
        return [causes.invalid(f"{path}.fieldPath", wanted, said)]
    if match is not None:
        key = match.group(2)
        checked = key.lower() if match.group(1) == "metadata.annotations" else key
        return causes.all_invalid(path, checked, formats.qualified_name(checked))
    allowed = _VOLUME_FIELDS if volume else _FIELDS
    if wanted in allowed:
        return []
    if wanted not in _KNOWN_FIELDS:
        said = f"error converting fieldPath: field label not supported: {wanted}"
        return [causes.invalid(f"{path}.fieldPath", wanted, said)]
    return [causes.not_supported(f"{path}.fieldPath", wanted, sorted(allowed))]


def resource_ref(ref: Mapping[str, Any], path: str, *, volume: bool) -> list[Cause]:
    """A resourceFieldRef; a volume's must name its container."""
    wanted = ref.get("resource", "")
    found: list[Cause] = []
    if volume and not ref.get("containerName"):
        found.append(causes.required(f"{path}.containerName"))
    elif not wanted:
        found.append(causes.required(f"{path}.resource"))
    elif wanted not in _RESOURCES and not wanted.startswith(("limits.hugepages-", "requests.hugepages-")):
        found.append(causes.not_supported(f"{path}.resource", wanted, _RESOURCES))
    return found + _divisor(wanted, ref.get("divisor", "0"), path)


def _divisor(resource: str, divisor: str, path: str) -> list[Cause]:
    kind = resource.partition(".")[2].partition("-")[0]
    allowed = _DIVISORS.get(kind)
    if allowed is None or divisor == "0" or divisor in allowed[0]:
        return []
    return [causes.invalid(f"{path}.divisor", resource, f"only divisor's values {allowed[1]} resource")]


def env_from(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """A container's ``envFrom``."""
    found: list[Cause] = []
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        if item.get("prefix"):
            found += causes.all_invalid(f"{at}.prefix", item["prefix"], formats.env_name(item["prefix"]))
        given = [kind for kind in ("configMapRef", "secretRef") if kind in item]
        for kind in given:
            name = item[kind].get("name", "")
            if not name:
                found.append(causes.required(f"{at}.{kind}.name"))
            else:
                found += causes.all_invalid(f"{at}.{kind}.name", name, formats.subdomain(name))
        if not given:
            found.append(causes.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            found.append(causes.invalid(path, "", "may not have more than one field specified at a time"))
    return found
