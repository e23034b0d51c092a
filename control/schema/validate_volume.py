"""Rules for a pod's volumes."""

from collections.abc import Callable, Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.tables import CORE, message
from control.schema.validate_container import local_path
from control.schema.validate_env import field_ref, resource_ref
from control.schema.validate_resources import non_negative_quantity

_SOURCES = tuple(message(CORE + "VolumeSource").json_fields)
_MODE_WORDS = "must be a number between 0 and 0777 (octal), both inclusive"
_HOST_PATHS = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip


def volumes(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """All volumes of a pod."""
    found: list[Cause] = []
    names: set[str] = set()
    for index, item in enumerate(items):
        at, name = f"{path}[{index}]", item.get("name", "")
        if not name:
            found.append(causes.required(f"{at}.name"))
        else:
            found += causes.all_invalid(f"{at}.name", name, formats.label(name))
            if name in names:
                found.append(causes.duplicate(f"{at}.name", name))
        names.add(name)
        found += _source(item, at)
    return found


def _source(item: Mapping[str, Any], at: str) -> list[Cause]:
    given = [kind for kind in _SOURCES if kind in item]
    if not given:
        return [causes.required(at, "must specify a volume type")]
    found: list[Cause] = []
    rule = _RULES.get(given[0])
    if rule is not None:
        found += rule(item[given[0]], f"{at}.{given[0]}")
    said = "may not specify more than 1 volume type"
    return found + [causes.forbidden(f"{at}.{kind}", said) for kind in given[1:]]


def _mode(value: int | None, path: str) -> list[Cause]:
    return [causes.invalid(path, value, _MODE_WORDS)] if value is not None and not 0 <= value <= 0o777 else []


def _keys(items: list[dict[str, Any]], path: str) -> list[Cause]:
    """Keys of a ConfigMap or Secret and the paths that they are shown at."""
    found: list[Cause] = []
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        if not item.get("key"):
            found.append(causes.required(f"{at}.key"))
        if not item.get("path"):
            found.append(causes.required(f"{at}.path"))
        else:
            found += local_path(item["path"], f"{at}.path")
        found += _mode(item.get("mode"), f"{at}.mode")
    return found


def _named(key: str) -> Callable[[Mapping[str, Any], str], list[Cause]]:
    """Rules of a source that names its ConfigMap or Secret in ``key``."""

    def rule(source: Mapping[str, Any], path: str) -> list[Cause]:
        found = [] if source.get(key) else [causes.required(f"{path}.{key}")]
        found += _mode(source.get("defaultMode"), f"{path}.defaultMode")
        return found + _keys(source.get("items", []), f"{path}.items")

    return rule


def _needs(*keys: str) -> Callable[[Mapping[str, Any], str], list[Cause]]:
    def rule(source: Mapping[str, Any], path: str) -> list[Cause]:
        return [causes.required(f"{path}.{key}") for key in keys if not source.get(key)]

    return rule


def _empty_dir(source: Mapping[str, Any], path: str) -> list[Cause]:
    limit = source.get("sizeLimit")
    return non_negative_quantity(limit, f"{path}.sizeLimit") if limit is not None else []


def _host_path(source: Mapping[str, Any], path: str) -> list[Cause]:
    found = []
    place, kind = source.get("path", ""), source.get("type", "")
    if not place:
        found.append(causes.required(f"{path}.path"))
    elif ".." in place.split("/"):
        found.append(causes.invalid(f"{path}.path", place, "must not contain '..'"))
    if kind not in _HOST_PATHS:
        found.append(causes.not_supported(f"{path}.type", kind, [item for item in _HOST_PATHS if item]))
    return found


def _downward(source: Mapping[str, Any], path: str) -> list[Cause]:
    found = _mode(source.get("defaultMode"), f"{path}.defaultMode")
    for index, item in enumerate(source.get("items", ())):
        at = f"{path}.items[{index}]"
        if not item.get("path"):
            found.append(causes.required(f"{at}.path"))
        else:
            found += local_path(item["path"], f"{at}.path")
        found += _mode(item.get("mode"), f"{at}.mode")
        if "fieldRef" in item:
            found += field_ref(item["fieldRef"], f"{at}.fieldRef", volume=True)
        elif "resourceFieldRef" in item:
            found += resource_ref(item["resourceFieldRef"], f"{at}.resourceFieldRef", volume=True)
        else:
            found.append(causes.required(at, "one of fieldRef and resourceFieldRef is required"))
    return found


def _token(source: Mapping[str, Any], path: str) -> list[Cause]:
    found = []
    seconds = source.get("expirationSeconds", 3600)
    if seconds < 600:
        said = "may not specify a duration less than 10 minutes"
        found.append(causes.invalid(f"{path}.expirationSeconds", seconds, said))
    if seconds > 1 << 32:
        said = "may not specify a duration larger than 2^32 seconds"
        found.append(causes.invalid(f"{path}.expirationSeconds", seconds, said))
    if not source.get("path"):
        found.append(causes.required(f"{path}.path"))
    return found


def _projected(source: Mapping[str, Any], path: str) -> list[Cause]:
    found = _mode(source.get("defaultMode"), f"{path}.defaultMode")
    paths: set[str] = set()
    for index, item in enumerate(source.get("sources", ())):
        at = f"{path}.sources[{index}]"
        given = [kind for kind in item if kind in _PROJECTIONS]
        if not given:
            found.append(causes.required(at, "must specify a volume type"))
        said = "may not specify more than 1 volume type per source"
        found += [causes.forbidden(f"{at}.{kind}", said) for kind in given[1:]]
        for kind in given[:1]:
            rule = _PROJECTIONS[kind]
            found += rule(item[kind], f"{at}.{kind}")
            for place in _places(item[kind]):
                if place in paths:
                    said = "conflicting duplicate paths"
                    found.append(causes.invalid(f"{at}.{kind}.path", place, said))
                paths.add(place)
    return found


def _places(source: Mapping[str, Any]) -> list[str]:
    places = [source["path"]] if source.get("path") else []
    return places + [item["path"] for item in source.get("items", ()) if item.get("path")]


def _csi(source: Mapping[str, Any], path: str) -> list[Cause]:
    return [] if source.get("driver") else [causes.required(f"{path}.driver")]


_RULES: dict[str, Callable[[Mapping[str, Any], str], list[Cause]]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "secret": _named("secretName"),
    "configMap": _named("name"),
    "downwardAPI": _downward,
    "projected": _projected,
    "persistentVolumeClaim": _needs("claimName"),
    "nfs": _needs("server", "path"),
    "csi": _csi,
    "ephemeral": _needs("volumeClaimTemplate"),
}
_PROJECTIONS: dict[str, Callable[[Mapping[str, Any], str], list[Cause]]] = {
    "secret": _named("name"),
    "configMap": _named("name"),
    "downwardAPI": _downward,
    "serviceAccountToken": _token,
    "clusterTrustBundle": _needs("path"),
    "podCertificate": _needs("signerName", "keyType"),
}
