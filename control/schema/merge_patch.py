"""JSON merge patch (RFC 7386)."""

from typing import Any


def apply(obj: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A new object; neither argument is changed, what is unchanged is shared. Raises BadRequest."""
    raise NotImplementedError
