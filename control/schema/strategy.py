"""What a write may touch."""

from typing import Any

from control.schema.resource import ResourceRow


def prepare_create(row: ResourceRow, obj: dict[str, Any]) -> None:
    """Before validation of a new object: status reset (initial phase), generation 1; in place.

    The API sets name (generateName), namespace, uid and creationTimestamp itself.
    """
    raise NotImplementedError


def prepare_update(row: ResourceRow, new: dict[str, Any], old: dict[str, Any], subresource: str = "") -> None:
    """Before validation of an update: what ``new`` may not change is taken from ``old`` (shared, not copied).

    subresource: "" keeps the old status and bumps metadata.generation when anything but metadata and status
    changed; "status" keeps everything but status (and metadata that status may set).
    """
    raise NotImplementedError
