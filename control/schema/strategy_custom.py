"""What a write of a custom resource, or of its definition, may touch."""

from typing import Any

from control.schema.resource import ResourceRow

Json = dict[str, Any]


def create_custom(row: ResourceRow, obj: Json) -> None:
    """Generation 1; no status where status has a URL of its own."""
    obj["metadata"]["generation"] = 1
    if row.subresource("status") is not None:
        obj.pop("status", None)


def update_custom(row: ResourceRow, new: Json, old: Json, subresource: str) -> None:
    """status through its subresource alone, and then nothing else; any other change counts a generation."""
    has_status = row.subresource("status") is not None
    if subresource == "status":
        meta, status = new["metadata"], new.get("status")
        new.clear()
        new |= {key: value for key, value in old.items() if key != "status"}
        # As upstream: labels, annotations and finalizers are no part of a custom resource's status.
        kept = {key: meta[key] for key in ("managedFields", "resourceVersion") if key in meta}
        new["metadata"] = {**old["metadata"], **kept}
        if status is not None:
            new["status"] = status
    elif has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    uncounted = ("metadata", "status") if has_status else ("metadata",)
    changed = any(new.get(key) != old.get(key) for key in new.keys() | old.keys() if key not in uncounted)
    new["metadata"]["generation"] = old["metadata"].get("generation", 0) + changed


def create_definition(definition: Json) -> None:
    """The first storedVersions; names and conditions are the API's to say later."""
    definition["status"]["storedVersions"] = _storage(definition)


def update_definition(new: Json, old: Json) -> None:
    """A new storage version is one more that objects may be stored in."""
    status = dict(old.get("status") or {})
    stored = list(status.get("storedVersions") or ())
    stored += [name for name in _storage(new) if name not in stored]
    new["status"] = {**status, "storedVersions": stored}


def _storage(definition: Json) -> list[str]:
    return [one["name"] for one in definition["spec"].get("versions") or () if one.get("storage")]
