"""Rules for PersistentVolumeClaim. Source: upstream's ``ValidatePersistentVolumeClaim`` and its update."""

from collections.abc import Mapping
from typing import Any, Final

from control.errors import Cause
from control.schema import causes, formats, quantity
from control.schema.validate_meta import label_selector
from control.schema.validate_pod_update import differences
from control.schema.validate_storage import (
    access_modes,
    class_name,
    fixed_mode,
    kept_class,
    positive,
    volume_mode,
)
from control.schema.validate_volume import needs

Spec = Mapping[str, Any]
_CLASS_NOTE: Final = "volume.beta.kubernetes.io/storage-class"
_CLAIM_FIXED: Final = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def claim(obj: Spec) -> list[Cause]:
    """A PersistentVolumeClaim."""
    spec, path = obj.get("spec", {}), "spec"
    modes = spec.get("accessModes", ())
    found = [] if modes else [causes.required(f"{path}.accessModes", "at least 1 access mode is required")]
    found += label_selector(spec.get("selector"), f"{path}.selector")
    found += access_modes(modes, path, None)
    asked, at = (spec.get("resources") or {}).get("requests") or {}, f"{path}.resources[storage]"
    found += positive(asked["storage"], at) if "storage" in asked else [causes.required(at)]
    found += class_name(spec.get("storageClassName"), f"{path}.storageClassName")
    found += volume_mode(spec, path)
    origin, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    for key in ("dataSource", "dataSourceRef"):
        if spec.get(key) is not None:
            found += _data_source(spec[key], f"{path}.{key}")
    if origin is not None and reference is not None:
        if reference.get("namespace"):
            said = "may not be specified when dataSourceRef.namespace is specified"
            found.append(causes.invalid(path, f"{path}.dataSource", said))
        elif any(origin.get(key) != reference.get(key) for key in ("apiGroup", "kind", "name")):
            found.append(causes.invalid(path, f"{path}.dataSource", "must match dataSourceRef"))
    return found + class_name(spec.get("volumeAttributesClassName"), f"{path}.volumeAttributesClassName")


def claim_update(new: Spec, old: Spec) -> list[Cause]:
    """A claim is fixed but for its volume (once) and, when it is bound, its size and attributes' class."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    now, before = dict(spec), dict(had)
    found: list[Cause] = []
    if not before.get("volumeName") and "volumeName" in now:
        before["volumeName"] = now["volumeName"]
    note, noted = (obj.get("metadata", {}).get("annotations", {}).get(_CLASS_NOTE) for obj in (new, old))
    named_now = before.get("storageClassName") is None and now.get("storageClassName") is not None
    if named_now and noted is not None and note is None and noted == now["storageClassName"]:
        del now["storageClassName"]  # the annotation became the field
    else:
        if note != noted:
            found.append(causes.immutable(f"metadata.annotations.{_CLASS_NOTE}", note or ""))
        if named_now and not noted:
            before["storageClassName"] = now["storageClassName"]  # a default class that came later
    size, earlier = _storage(spec), _storage(had)
    if new.get("status", {}).get("phase") == "Bound" and size is not None and earlier is not None:
        wanted = {**spec["resources"]["requests"], "storage": earlier}
        now["resources"] = {**spec["resources"], "requests": wanted}
    for one in (now, before):
        one.pop("volumeAttributesClassName", None)
    if now != before:
        found.append(causes.forbidden("spec", f"{_CLAIM_FIXED}\n{differences(now, before)}"))
    if quantity.compare(size or 0, earlier or 0) < 0:
        given = new.get("status", {}).get("capacity", {}).get("storage", 0)
        if quantity.compare(size or 0, given) <= 0:
            said = "field can not be less than status.capacity"
            found.append(causes.forbidden("spec.resources.requests.storage", said))
    return found + fixed_mode(spec, had) + kept_class(spec, had)


def _storage(spec: Spec) -> Any:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _data_source(source: Spec, path: str) -> list[Cause]:
    group, kind = source.get("apiGroup") or "", source.get("kind", "")
    found = needs("name", "kind")(source, path)
    if not group and kind != "PersistentVolumeClaim":
        said = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        found.append(causes.invalid(path, kind, said))
    return found + (causes.all_invalid(f"{path}.apiGroup", group, formats.subdomain(group)) if group else [])
