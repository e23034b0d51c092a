"""JSON patch (RFC 6902)."""

from typing import Any

import orjson

from control.errors import BadRequest, Invalid, RequestTooLarge

LIMIT = 10_000
"""Operations in one patch, as upstream's server."""
_DIGITS_MOST = 20
COPIED_MOST = 3 << 20
"""Bytes that a patch's copies may make, as upstream's server: each copy may double what is there."""


class _Failed(Exception):
    """An operation that can't be done on this object."""


def apply(obj: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A new object; neither argument is changed. Raises BadRequest (form), Invalid (path, failed test)."""
    if not isinstance(patch, list) or not all(isinstance(step, dict) for step in patch):
        raise BadRequest("error decoding patch: a JSON patch is a list of operations")
    if len(patch) > LIMIT:
        raise RequestTooLarge(
            f"The allowed maximum operations in a JSON patch is {LIMIT}, got {len(patch)}",
        )
    root: Any = {"": obj}
    copied = 0
    for step in patch:
        try:
            if step.get("op") == "copy":
                copied += _copied(root, step)
            if copied > COPIED_MOST:
                raise _Failed(f"copy operations make more than {COPIED_MOST} bytes")
            root = _step(root, step)
        except _Failed as error:
            raise Invalid(
                f"the server rejected our request due to an error in our request: {error}"
            ) from None
    result = root.get("")
    if not isinstance(result, dict):
        raise BadRequest("the patch leaves no object")
    return result


def _step(root: Any, step: dict[str, Any]) -> Any:
    """The document after one operation; containers on the way are copied, the rest is shared."""
    kind, path = step.get("op"), step.get("path")
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise _Failed(f"{kind} operation does not apply: doc is missing path: {path!r}: missing value")
    parts = _parts(path)
    if kind in ("add", "replace", "test") and "value" not in step:
        raise _Failed(f"{kind} operation has no value")
    if kind == "test":
        found = _look(root, parts) if _there(root, parts) else None
        if not _equal(found, step["value"]):
            raise _Failed(f"testing value {path} failed: test failed")
        return root
    if kind == "add":
        return _put(root, parts, step["value"], insert=True)
    if kind == "replace":
        if not _there(root, parts):
            raise _Failed(f"replace operation does not apply: doc is missing key: {path}: missing value")
        return _put(root, parts, step["value"], insert=False)
    if kind == "remove":
        return _remove(root, parts, path)
    if kind in ("move", "copy"):
        source = step.get("from")
        if not isinstance(source, str) or not _there(root, _parts(source)):
            raise _Failed(
                f"{kind} operation does not apply: doc is missing from path: {source}: missing value"
            )
        value = _look(root, _parts(source))
        if kind == "move":
            if path.startswith(source + "/"):
                raise _Failed(f"move operation does not apply: {source} can't be moved into itself")
            root = _remove(root, _parts(source), source)
        return _put(root, parts, value, insert=True)
    raise _Failed(f"Unexpected kind: {kind}")


def _copied(root: Any, step: dict[str, Any]) -> int:
    """The size of what a step copies; 0 where there is nothing to copy, which the step itself tells."""
    source = step.get("from")
    if not isinstance(source, str) or not _there(root, _parts(source)):
        return 0
    try:
        return len(orjson.dumps(_look(root, _parts(source))))
    except orjson.JSONEncodeError as error:
        raise _Failed(f"{source} can't be copied: {error}") from None


def _parts(path: str) -> list[str]:
    """The reference tokens below a root that holds the document under the empty key."""
    split = path.split("/")
    return [part.replace("~1", "/").replace("~0", "~") for part in split] if path else [""]


def _index(container: list[Any], part: str, *, extra: int = 0) -> int:
    """A list's index; negative ones count from the end, as upstream's library has it."""
    limit = len(container) + extra
    digits = part.removeprefix("-")
    numeric = digits.isascii() and digits.isdigit() and len(digits) < _DIGITS_MOST
    if not numeric or (len(digits) > 1 and digits[0] == "0"):
        raise _Failed(f"Unable to access invalid index: {part}: invalid index referenced")
    number = int(part)
    if number < 0:
        number += limit
    if not 0 <= number < limit:
        raise _Failed(f"Unable to access invalid index: {part}: invalid index referenced")
    return number


def _child(container: Any, part: str) -> Any:
    if isinstance(container, dict) and part in container:
        return container[part]
    if isinstance(container, list):
        return container[_index(container, part)]
    raise _Failed(f"doc is missing path: {part}: missing value")


def _look(container: Any, parts: list[str]) -> Any:
    for part in parts:
        container = _child(container, part)
    return container


def _there(root: Any, parts: list[str]) -> bool:
    try:
        _look(root, parts)
    except _Failed:
        return False
    return True


def _put(container: Any, parts: list[str], value: Any, *, insert: bool) -> Any:
    """The container with the value at the end of the parts."""
    part, rest = parts[0], parts[1:]
    if rest:
        changed = _put(_child(container, part), rest, value, insert=insert)
        return _with(container, part, changed)
    if isinstance(container, list) and insert:
        at = len(container) if part == "-" else _index(container, part, extra=1)
        return [*container[:at], value, *container[at:]]
    if isinstance(container, dict | list):
        return _with(container, part, value)
    raise _Failed(f"add operation does not apply: doc is missing path: {part}: missing value")


def _with(container: Any, part: str, value: Any) -> Any:
    if isinstance(container, dict):
        return {**container, part: value}
    changed = list(container)
    changed[_index(container, part)] = value
    return changed


def _remove(container: Any, parts: list[str], path: str) -> Any:
    part, rest = parts[0], parts[1:]
    if rest:
        try:
            child = _child(container, part)
        except _Failed:
            raise _Failed(
                f"remove operation does not apply: doc is missing path: {path}: missing value"
            ) from None
        return _with(container, part, _remove(child, rest, path))
    if isinstance(container, dict):
        if part not in container:
            raise _Failed(f"remove operation does not apply: doc is missing key: {path}: missing value")
        return {key: value for key, value in container.items() if key != part}
    if isinstance(container, list):
        at = _index(container, part)
        return [*container[:at], *container[at + 1 :]]
    raise _Failed(f"remove operation does not apply: doc is missing path: {path}: missing value")


def _equal(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
