"""Rules for PersistentVolume, and those that a claim shares. Source: upstream's ``ValidatePersistentVolume``."""

from collections.abc import Callable, Mapping
from posixpath import normpath
from typing import Any, Final

from control.errors import Cause
from control.schema import causes, formats, quantity
from control.schema.validate_placement import node_selector
from control.schema.validate_pod_update import differences
from control.schema.validate_volume import host_path_source, local_path, needs, nfs_source

Spec = Mapping[str, Any]
ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_ALONE: Final = "ReadWriteOncePod"
_POLICIES: Final = ("Delete", "Recycle", "Retain")
_VOLUME_MODES: Final = ("Block", "Filesystem")
_UNSET_CLASS: Final = "update from non-nil value to nil is forbidden"
_MOVED: Final = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
}
"""Labels of old, and what they are called now: a volume's node affinity may follow."""


def volume(obj: Spec) -> list[Cause]:
    """A PersistentVolume."""
    spec, path = obj.get("spec", {}), "spec"
    found = access_modes(spec.get("accessModes", ()), path, "")
    found += _capacity(spec.get("capacity") or {}, f"{path}.capacity")
    policy = spec.get("persistentVolumeReclaimPolicy", "")
    at = f"{path}.persistentVolumeReclaimPolicy"
    if policy and policy not in _POLICIES:
        found.append(causes.not_supported(at, policy, _POLICIES))
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        required = f"{path}.nodeAffinity.required"
        if affinity.get("required") is None:
            found.append(causes.required(required, "must specify required node constraints"))
        else:
            found += node_selector(affinity["required"], required)
    found += _source(spec, path)
    if policy == "Recycle" and _is_root(spec.get("hostPath")):
        found.append(causes.forbidden(at, "may not be 'recycle' for a hostPath mount of '/'"))
    found += class_name(spec.get("storageClassName"), f"{path}.storageClassName")
    found += volume_mode(spec, path)
    wanted = spec.get("volumeAttributesClassName")
    if wanted is not None:
        at = f"{path}.volumeAttributesClassName"
        found += class_name(wanted, at) or (
            [] if wanted else [causes.required(at, "an empty string is disallowed")]
        )
        if "csi" not in spec:
            said = "has to be specified when using volumeAttributesClassName"
            found.append(causes.required(f"{path}.csi", said))
    return found


def volume_update(new: Spec, old: Spec) -> list[Cause]:
    """A volume's source and mode are fixed; its node affinity too, once there is one."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    found: list[Cause] = []
    now, before = _sources(spec), _sources(had)
    if "csi" in now and "csi" in before and "controllerExpandSecretRef" not in before["csi"]:
        now["csi"] = {key: value for key, value in now["csi"].items() if key != "controllerExpandSecretRef"}
    if now != before:
        said = f"spec.persistentvolumesource is immutable after creation\n{differences(now, before)}"
        found.append(causes.forbidden("spec.persistentvolumesource", said))
    found += fixed_mode(spec, had)
    affinity, earlier = spec.get("nodeAffinity"), had.get("nodeAffinity")
    if earlier is not None and not _follows(affinity, earlier):
        said = f"{causes.IMMUTABLE}, except for updating from beta label to GA"
        found.append(causes.invalid("nodeAffinity", affinity, said))
    return found + kept_class(spec, had)


def access_modes(modes: Any, path: str, missing: str | None) -> list[Cause]:
    """Access modes. missing: what is said when there are none; None when the caller says it."""
    at = f"{path}.accessModes"
    found = [causes.required(at, missing)] if missing is not None and not modes else []
    found += [causes.not_supported(at, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    known = {mode for mode in modes if mode in ACCESS_MODES}
    if _ALONE in known and len(known) > 1:
        found.append(causes.forbidden(at, "may not use ReadWriteOncePod with other access modes"))
    return found


def positive(amount: Any, path: str) -> list[Cause]:
    """A quantity above zero."""
    if quantity.parse(amount) > 0:
        return []
    return [causes.invalid(path, amount, "must be greater than zero")]


def _capacity(capacity: Spec, path: str) -> list[Cause]:
    found = [] if capacity else [causes.required(path)]
    if set(capacity) != {"storage"}:
        found.append(causes.not_supported(path, dict(capacity) or None, ("storage",)))
    for name, amount in capacity.items():
        at = f"{path}[{name}]"
        if quantity.parse(amount) < 0:
            found.append(causes.invalid(at, quantity.whole(amount), "must be a valid resource quantity"))
        found += positive(amount, at)
    return found


def class_name(name: Any, path: str) -> list[Cause]:
    """The name of a StorageClass or VolumeAttributesClass, if there is one."""
    return causes.all_invalid(path, name, formats.subdomain(name)) if name else []


def volume_mode(spec: Spec, path: str) -> list[Cause]:
    """``Block`` or ``Filesystem``, if it is said."""
    mode = spec.get("volumeMode")
    if mode is None or mode in _VOLUME_MODES:
        return []
    return [causes.not_supported(f"{path}.volumeMode", mode, _VOLUME_MODES)]


def fixed_mode(spec: Spec, had: Spec) -> list[Cause]:
    """A volume mode stays; upstream leaves ``spec`` out of the path."""
    mode = spec.get("volumeMode")
    return [] if mode == had.get("volumeMode") else [causes.immutable("volumeMode", mode)]


def kept_class(spec: Spec, had: Spec) -> list[Cause]:
    """A VolumeAttributesClass may change, not go."""
    key = "volumeAttributesClassName"
    gone = had.get(key) is not None and spec.get(key) is None
    return [causes.forbidden(f"spec.{key}", _UNSET_CLASS)] if gone else []


def _follows(now: Any, before: Any) -> bool:
    """Is it the same, but for labels that have a new name?"""
    if isinstance(now, dict) and isinstance(before, dict):
        return now.keys() == before.keys() and all(_follows(now[key], before[key]) for key in now)
    if isinstance(now, list) and isinstance(before, list):
        return len(now) == len(before) and all(map(_follows, now, before))
    return bool(now == before) or (isinstance(before, str) and _MOVED.get(before) == now)


def _sources(spec: Spec) -> dict[str, Any]:
    return {kind: spec[kind] for kind in _SOURCES if kind in spec}


def _is_root(source: Spec | None) -> bool:
    return bool(source and source.get("path")) and normpath(source["path"]) in ("/", "//")  # type: ignore[index]


def _source(spec: Spec, path: str) -> list[Cause]:
    """Exactly one; of several the first counts."""
    given = list(_sources(spec))
    if not given:
        return [causes.required(path, "must specify a volume type")]
    found = _SOURCES[given[0]](spec[given[0]], f"{path}.{given[0]}")
    if given[0] == "local" and spec.get("nodeAffinity") is None:
        found.append(causes.required(f"{path}.nodeAffinity", "Local volume requires node affinity"))
    said = "may not specify more than 1 volume type"
    return found + [
        causes.forbidden(f"{path}.{'cephFS' if kind == 'cephfs' else kind}", said) for kind in given[1:]
    ]


def _local(source: Spec, path: str) -> list[Cause]:
    place = source.get("path", "")
    if not place:
        return [causes.required(f"{path}.path")]
    return [found for found in local_path(place, f"{path}.path") if "'..'" in found.message]


def _csi(source: Spec, path: str) -> list[Cause]:
    driver, at = source.get("driver", ""), f"{path}.driver"
    found = [] if driver else [causes.required(at)]
    if len(driver) > 63:
        found.append(causes.too_long(at, 63))
    found += causes.all_invalid(at, driver, formats.subdomain(driver.lower()))
    found += needs("volumeHandle")(source, path)
    for key in ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"):
        name = f"{key}SecretRef"
        if name in source:
            found += needs("name", "namespace")(source[name], f"{path}.{name}")
    return found


_SOURCES: Final[dict[str, Callable[[Spec, str], list[Cause]]]] = {
    "hostPath": host_path_source,
    "gcePersistentDisk": needs("pdName"),
    "awsElasticBlockStore": needs("volumeID"),
    "glusterfs": needs("endpoints", "path"),
    "flocker": needs(),
    "nfs": nfs_source,
    "rbd": needs("monitors", "image"),
    "quobyte": needs("registry", "volume"),
    "cephfs": needs("monitors"),
    "iscsi": needs("targetPortal", "iqn"),
    "cinder": needs("volumeID"),
    "fc": needs(),
    "flexVolume": needs("driver"),
    "azureFile": needs("secretName", "shareName"),
    "vsphereVolume": needs("volumePath"),
    "photonPersistentDisk": needs("pdID"),
    "portworxVolume": needs("volumeID"),
    "azureDisk": needs("diskName", "diskURI"),
    "scaleIO": needs("gateway", "system", "volumeName"),
    "local": _local,
    "storageos": needs(),
    "csi": _csi,
}
"""In the order in which upstream looks."""
