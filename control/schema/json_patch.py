"""JSON patch (RFC 6902)."""

from typing import Any


def apply(obj: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A new object; neither argument is changed. Raises BadRequest (form), Invalid (path, failed test)."""
    raise NotImplementedError
