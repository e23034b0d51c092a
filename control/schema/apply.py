"""Server-side apply and managed fields. (The architect is writing this module: hands off, 18:30)"""

from typing import Any

from control.schema.resource import ResourceRow


def apply_patch(
    row: ResourceRow, live: dict[str, Any] | None, patch: dict[str, Any], *, manager: str, force: bool
) -> dict[str, Any]:
    """The object after a server-side apply, with its managedFields. Raises Conflict (names the managers)."""
    raise NotImplementedError


def record_update(
    row: ResourceRow, new: dict[str, Any], old: dict[str, Any] | None, *, manager: str, subresource: str = ""
) -> None:
    """Set ``new``'s metadata.managedFields after an ordinary write by ``manager``, in place."""
    raise NotImplementedError
