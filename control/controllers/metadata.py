"""Object metadata as controllers read and write it: keys, owners, times."""

from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]


def key_of(obj: Object) -> str:
    """``namespace/name``, or the name alone where there is no namespace."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def split_key(key: str) -> tuple[str, str]:
    """The namespace ("" for none) and the name of a key."""
    namespace, _, name = key.rpartition("/")
    return namespace, name


def labels_of(obj: Object) -> dict[str, str]:
    """Labels, {} when there are none."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> dict[str, str]:
    """Annotations, {} when there are none."""
    return obj["metadata"].get("annotations") or {}


def uid_of(obj: Object) -> str:
    """The object's uid, "" before it was stored."""
    return str(obj["metadata"].get("uid", ""))


def is_terminating(obj: Object) -> bool:
    """Whether somebody has asked to delete it."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def controller_of(obj: Object) -> Object | None:
    """The owner reference with ``controller: true``, if any."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def is_controlled_by(obj: Object, owner: Object) -> bool:
    """Whether that very owner (by uid) controls the object."""
    reference = controller_of(obj)
    return reference is not None and reference.get("uid") == uid_of(owner)


def controller_reference(owner: Object, api_version: str, kind: str) -> Object:
    """The owner reference that a controller writes; objects in lists carry no kind, so it is given."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def seconds_of(timestamp: str | None) -> float:
    """An API timestamp as seconds since 1970; 0 for none.

    >>> seconds_of("1970-01-01T00:01:00Z"), seconds_of("1970-01-01T00:00:01.250000Z"), seconds_of(None)
    (60.0, 1.25, 0.0)
    """
    if not timestamp:
        return 0.0
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def timestamp_of(seconds: float) -> str:
    """Seconds since 1970 as the API writes a Time: whole seconds, UTC.

    >>> timestamp_of(60.9)
    '1970-01-01T00:01:00Z'
    """
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def created_at(obj: Object) -> float:
    """Seconds since 1970 of the creation, 0 for what was not stored yet."""
    return seconds_of(obj["metadata"].get("creationTimestamp"))


def without_empty(obj: Object) -> Object:
    """The object less the members that Go's ``omitempty`` leaves out (0, "", empty list or object, null)."""
    return {name: value for name, value in obj.items() if value not in (0, "", None, [], {})}
