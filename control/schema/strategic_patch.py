"""Strategic merge patch."""

from typing import Any

from control.schema.resource import ResourceRow


def apply(row: ResourceRow, obj: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A new object; neither argument is changed. Raises BadRequest."""
    raise NotImplementedError
