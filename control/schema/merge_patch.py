"""JSON merge patch (RFC 7386)."""

from typing import Any

from control.errors import BadRequest


def apply(obj: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A new object; neither argument is changed, what is unchanged is shared. Raises BadRequest."""
    if not isinstance(patch, dict):
        raise BadRequest("the request body is no JSON object, which a merge patch must be")
    return _merged(obj, patch)


def _merged(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merged(result.get(key), value)
        else:
            result[key] = value
    return result
