"""Strategic merge patch: a merge patch that knows which lists are maps, by the tables' patch strategies.

Directives: ``$patch`` delete, replace, merge; ``$retainKeys``; ``$deleteFromPrimitiveList/F``;
``$setElementOrder/F``.
"""

from collections.abc import Callable
from typing import Any

from control.errors import BadRequest
from control.schema.resource import ResourceRow
from control.schema.tables import Field, Form, Shape, message

_DELETE_FROM, _ORDER, _RETAIN, _PATCH = (
    "$deleteFromPrimitiveList/",
    "$setElementOrder/",
    "$retainKeys",
    "$patch",
)


def apply(row: ResourceRow, obj: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A new object; neither argument is changed, what is unchanged is shared. Raises BadRequest."""
    if not isinstance(patch, dict):
        raise BadRequest("the request body is no JSON object, which a strategic merge patch must be")
    if not row.message:
        raise BadRequest("strategic merge patch format is not supported")
    return _object(row.message, obj, patch)


def _object(name: str, target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """One message (name empty: a map or free-form JSON) with a patch merged in."""
    have = target if isinstance(target, dict) else {}
    directive = patch.get(_PATCH)
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _PATCH}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise BadRequest(f"unknown patch type found: {directive}")
    result = dict(have)
    if (kept := _listed(patch, _RETAIN)) is not None:
        missing = [
            key for key in patch if not key.startswith("$") and patch[key] is not None and key not in kept
        ]
        if missing:
            raise BadRequest(f"the $retainKeys list {kept} does not contain all fields present in the patch")
        result = {key: value for key, value in result.items() if key in kept}
    fields = message(name).json_fields if name else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        _member(result, key, value, fields.get(key), patch)
    for key in patch:
        field_name = key.partition("/")[2]
        directive_only = key.startswith((_DELETE_FROM, _ORDER)) and field_name not in patch
        if directive_only and "merge" in _strategy(fields.get(field_name)):
            _member(result, field_name, [], fields.get(field_name), patch)
    return result


def _listed(patch: dict[str, Any], directive: str) -> list[Any] | None:
    """A directive's list; None when it is not given. Raises BadRequest."""
    value = patch.get(directive)
    if value is not None and not isinstance(value, list):
        raise BadRequest(f"{directive}: expected a list")
    return value


def _member(result: dict[str, Any], key: str, value: Any, field: Field | None, patch: dict[str, Any]) -> None:
    """Merge one field of a patch into ``result``."""
    if value is None:
        result.pop(key, None)
        return
    if isinstance(value, dict):
        inner = ""
        if field is not None and field.shape is Shape.ONE and field.form is Form.MESSAGE:
            inner = field.message
        if field is not None and field.shape is Shape.MAP and field.form is Form.MESSAGE:
            result[key] = _map_of(field.message, result.get(key), value)
            return
        if "replace" in _strategy(field) and value.get(_PATCH) is None and not inner:
            result[key] = value
            return
        if value.get(_PATCH) == "delete":
            result.pop(key, None)
            return
        result[key] = _object(inner, result.get(key), value)
        return
    if isinstance(value, list) and field is not None and "merge" in _strategy(field):
        merged = _list(field, result.get(key) or [], value, patch)
        if merged or key in result or value:
            result[key] = merged
        return
    result[key] = value


def _map_of(name: str, target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """A map whose values are messages."""
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _object(name, result.get(key), value) if isinstance(value, dict) else value
    return result


def _strategy(field: Field | None) -> tuple[str, ...]:
    return tuple(field.rule.get("patchStrategy", "").split(",")) if field is not None else ()


def _list(field: Field, have: list[Any], patch: list[Any], siblings: dict[str, Any]) -> list[Any]:
    """A list with patch strategy merge: of objects by their merge key, of primitives as a set."""
    order = _listed(siblings, _ORDER + field.name)
    key = field.rule.get("patchMergeKey", "")
    if field.form is not Form.MESSAGE or not key:
        removed = _listed(siblings, _DELETE_FROM + field.name) or []
        merged = []
        for item in [*(item for item in have if item not in removed), *patch]:
            if item not in merged:
                merged.append(item)
        return _ordered(merged, have, patch if order is None else order, lambda item: item)
    merged = _objects(field, have, patch, key)
    said = [item for item in patch if _PATCH not in item] if order is None else order
    return _ordered(merged, have, said, lambda item: item.get(key) if isinstance(item, dict) else item)


def _objects(field: Field, have: list[Any], patch: list[Any], key: str) -> list[Any]:
    """The objects of ``have`` with those of ``patch`` merged in by ``key``."""
    plain = []
    result = list(have)
    for item in patch:
        if not isinstance(item, dict):
            raise BadRequest(f"{field.name}: the items of the patch are no objects")
        directive = item.get(_PATCH)
        if directive == "replace":
            return [other for other in patch if isinstance(other, dict) and _PATCH not in other]
        if key not in item:
            raise BadRequest(f"map: {item} does not contain declared merge key: {key}")
        if directive == "delete":
            result = [other for other in result if other.get(key) != item[key]]
        else:
            plain.append(item)
    for item in plain:
        for index, other in enumerate(result):
            if other.get(key) == item[key]:
                result[index] = _object(field.message, other, item)
                break
        else:
            result.append(_object(field.message, None, item))
    return result


def _ordered(merged: list[Any], have: list[Any], order: list[Any], key: Callable[[Any], Any]) -> list[Any]:
    """What ``order`` names (``$setElementOrder``, else the patch's own items) in its order, the rest as it stood.

    Where both stood before, an item of the rest goes first when it stood first; else what is named goes first.
    Source: upstream's mergeSortedSlice.
    """
    wanted, live = [key(item) for item in order], [key(item) for item in have]
    named = sorted((item for item in merged if key(item) in wanted), key=lambda item: wanted.index(key(item)))
    rest = [item for item in merged if key(item) not in wanted]
    result = []
    while named and rest:
        ours, other = key(named[0]), key(rest[0])
        earlier = ours in live and other in live and live.index(other) < live.index(ours)
        result.append(rest.pop(0) if earlier else named.pop(0))
    return [*result, *named, *rest]
