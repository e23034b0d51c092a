"""Rules for a pod's volumes."""

from collections.abc import Callable, Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats, quantity
from control.schema.validate_env import field_ref, resource_ref

_SOURCES = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc",
    "flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk",
    "storageos", "projected", "scaleIO", "csi", "ephemeral", "image",
)  # fmt: skip
"""In the order in which upstream looks: the first one counts."""
_SAID_AS = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}  # so it stands in upstream's errors
_MODE_WORDS = "must be a number between 0 and 0777 (octal), both inclusive"
_HOST_PATHS = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip


def volumes(items: list[dict[str, Any]], path: str, good: dict[str, dict[str, Any]]) -> list[Cause]:
    """All volumes of a pod; those that are right go into ``good``, and only they can be mounted."""
    found: list[Cause] = []
    names: set[str] = set()
    for index, item in enumerate(items):
        at, name = f"{path}[{index}]", item.get("name", "")
        wrong = _source(item, at)
        if not name:
            wrong.append(causes.required(f"{at}.name"))
        else:
            wrong += causes.all_invalid(f"{at}.name", name, formats.label(name))
        if name in names:
            wrong.append(causes.duplicate(f"{at}.name", name))
        if not wrong:
            names.add(name)
            good[name] = item
        found += wrong
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
    return found + [causes.forbidden(f"{at}.{_SAID_AS.get(kind, kind)}", said) for kind in given[1:]]


def local_path(value: str, path: str) -> list[Cause]:
    """A path below a volume: relative, without ``..``."""
    found = []
    if value.startswith("/"):
        found.append(causes.invalid(path, value, "must be a relative path"))
    if ".." in value.split("/"):
        found.append(causes.invalid(path, value, "must not contain '..'"))
    return found


def _own_path(value: str, path: str) -> list[Cause]:
    """As ``local_path``, and no name that the kubelet keeps to itself."""
    found = local_path(value, path)
    if value.startswith("..") and not value.startswith("../"):
        found.append(causes.invalid(path, value, "must not start with '..'"))
    return found


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
            found += _own_path(item["path"], f"{at}.path")
        found += _mode(item.get("mode"), f"{at}.mode")
    return found


def _named(key: str) -> Callable[[Mapping[str, Any], str], list[Cause]]:
    """Rules of a source that names its ConfigMap or Secret in ``key``."""

    def rule(source: Mapping[str, Any], path: str) -> list[Cause]:
        found = [] if source.get(key) else [causes.required(f"{path}.{key}")]
        found += _mode(source.get("defaultMode"), f"{path}.defaultMode")
        return found + _keys(source.get("items", []), f"{path}.items")

    return rule


def needs(*keys: str) -> Callable[[Mapping[str, Any], str], list[Cause]]:
    """Rules of a source of which these fields must be there."""

    def rule(source: Mapping[str, Any], path: str) -> list[Cause]:
        return [causes.required(f"{path}.{key}") for key in keys if not source.get(key)]

    return rule


def _empty_dir(source: Mapping[str, Any], path: str) -> list[Cause]:
    limit = source.get("sizeLimit")
    if limit is None or quantity.parse(limit) >= 0:
        return []
    return [causes.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]


def nfs_source(source: Mapping[str, Any], path: str) -> list[Cause]:
    """A directory that a server exports."""
    found = [causes.required(f"{path}.{key}") for key in ("server", "path") if not source.get(key)]
    place = source.get("path", "")
    if not place.startswith("/"):
        found.append(causes.invalid(f"{path}.path", place, "must be an absolute path"))
    return found


def host_path_source(source: Mapping[str, Any], path: str) -> list[Cause]:
    """A path of the node."""
    found = []
    place, kind = source.get("path", ""), source.get("type", "")
    if not place:
        found.append(causes.required(f"{path}.path"))
    elif ".." in place.split("/"):
        found.append(causes.invalid(f"{path}.path", place, "must not contain '..'"))
    if kind not in _HOST_PATHS:
        found.append(causes.not_supported(f"{path}.type", kind, _HOST_PATHS))
    return found


def _downward(source: Mapping[str, Any], path: str) -> list[Cause]:
    """A downward API volume or projection; upstream leaves the item's index out of the paths."""
    found = _mode(source.get("defaultMode"), f"{path}.defaultMode")
    for item in source.get("items", ()):
        place = item.get("path", "")
        if not place:
            found.append(causes.required(f"{path}.path"))
        found += _own_path(place, f"{path}.path")
        if "fieldRef" in item:
            found += field_ref(item["fieldRef"], f"{path}.fieldRef", volume=True)
            if "resourceFieldRef" in item:
                said = "fieldRef and resourceFieldRef can not be specified simultaneously"
                found.append(causes.invalid(path, "resource", said))
        elif "resourceFieldRef" in item:
            found += resource_ref(item["resourceFieldRef"], f"{path}.resourceFieldRef", volume=True)
        else:
            found.append(causes.required(path, "one of fieldRef and resourceFieldRef is required"))
        found += _mode(item.get("mode"), f"{path}.mode")
    return found


def _token(source: Mapping[str, Any], path: str, whole: str) -> list[Cause]:
    found = []
    seconds, place = source.get("expirationSeconds", 3600), source.get("path", "")
    if seconds < 600:
        said = "may not specify a duration less than 10 minutes"
        found.append(causes.invalid(f"{path}.expirationSeconds", seconds, said))
    if seconds > 1 << 32:
        said = "may not specify a duration larger than 2^32 seconds"
        found.append(causes.invalid(f"{path}.expirationSeconds", seconds, said))
    if not place:
        found.append(causes.required(f"{whole}.path"))
    return found + _own_path(place, f"{whole}.path")


def _projected(source: Mapping[str, Any], path: str) -> list[Cause]:
    found = _mode(source.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()
    for index, item in enumerate(source.get("sources", ())):
        at = f"{path}.sources[{index}]"
        given = [kind for kind in _PROJECTIONS if kind in item]
        for kind in given:
            if kind == "serviceAccountToken":
                found += _token(item[kind], f"{at}.{kind}", path)
            else:
                found += _PROJECTIONS[kind](item[kind], f"{at}.{kind}")
            for place in _places(kind, item[kind]):
                if place in taken:
                    shown = item[kind].get("name", "") if kind in ("secret", "configMap") else place
                    found.append(causes.invalid(path, shown, "conflicting duplicate paths"))
                taken.add(place)
        if len(given) > 1:
            said = "may not specify more than 1 volume type per source"
            found.append(causes.forbidden(at, said))
    return found


def _places(kind: str, source: Mapping[str, Any]) -> list[str]:
    if kind == "clusterTrustBundle":
        return [source.get("path", "")]
    return [item["path"] for item in source.get("items", ()) if item.get("path")]


def _bundle(source: Mapping[str, Any], path: str) -> list[Cause]:
    found = []
    if "name" not in source and "signerName" not in source:
        found.append(causes.required(path, "either name or signerName must be specified"))
    place = source.get("path", "")
    if not place:
        found.append(causes.required(f"{path}.path"))
    return found + _own_path(place, f"{path}.path")


def _csi(source: Mapping[str, Any], path: str) -> list[Cause]:
    return [] if source.get("driver") else [causes.required(f"{path}.driver")]


_RULES: dict[str, Callable[[Mapping[str, Any], str], list[Cause]]] = {
    "emptyDir": _empty_dir,
    "hostPath": host_path_source,
    "secret": _named("secretName"),
    "configMap": _named("name"),
    "downwardAPI": _downward,
    "projected": _projected,
    "persistentVolumeClaim": needs("claimName"),
    "nfs": nfs_source,
    "csi": _csi,
    "ephemeral": needs("volumeClaimTemplate"),
}
_PROJECTIONS: dict[str, Callable[[Mapping[str, Any], str], list[Cause]]] = {
    "secret": _named("name"),
    "configMap": _named("name"),
    "downwardAPI": _downward,
    "serviceAccountToken": _csi,  # its own rule: it knows the volume's path
    "clusterTrustBundle": _bundle,
    "podCertificate": needs("signerName", "keyType"),
}
