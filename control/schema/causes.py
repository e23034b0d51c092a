"""Causes in upstream's words: what is wrong with one field's value."""

from collections.abc import Iterable
from typing import Any

import orjson

from control.errors import Cause

IMMUTABLE = "field is immutable"


class Printed(str):
    """A value that is printed as it stands: where upstream shows a struct of its own."""

    __slots__ = ()


def shown(value: Any) -> str:
    """A value as upstream prints it in an error: text quoted, the rest as JSON."""
    if isinstance(value, Printed):
        return str(value)
    return orjson.dumps(_sorted_maps(value)).decode()


def _sorted_maps(value: Any) -> Any:
    """Go sorts the keys of maps, not those of structs; maps of text are all that errors show."""
    if isinstance(value, dict):
        is_map = all(isinstance(item, str) for item in value.values())
        pairs = (
            sorted(value.items()) if is_map and not {"key", "name", "type"} & value.keys() else value.items()
        )
        return {key: _sorted_maps(item) for key, item in pairs}
    return [_sorted_maps(item) for item in value] if isinstance(value, list) else value


def required(path: str, detail: str = "") -> Cause:
    """The field must be there."""
    return Cause("FieldValueRequired", f"Required value: {detail}" if detail else "Required value", path)


def invalid(path: str, value: Any, detail: str) -> Cause:
    """The field's value is malformed or out of range."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}", path)


def all_invalid(path: str, value: Any, details: Iterable[str]) -> list[Cause]:
    """One cause a detail, as the functions of ``formats`` give them."""
    return [invalid(path, value, detail) for detail in details]


def immutable(path: str, value: Any) -> Cause:
    """The field can't be changed once it is set."""
    return invalid(path, value, IMMUTABLE)


def not_supported(path: str, value: Any, supported: Iterable[str]) -> Cause:
    """The value is none of an enumeration's; upstream lists some in their own order, some sorted."""
    listed = ", ".join(f'"{item}"' for item in supported)
    said = f"Unsupported value: {shown(value)}"
    return Cause("FieldValueNotSupported", f"{said}: supported values: {listed}" if listed else said, path)


def duplicate(path: str, value: Any) -> Cause:
    """The value is there already, and must be unique."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", path)


def forbidden(path: str, detail: str) -> Cause:
    """The field may not be set, or not be changed, here."""
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", path)


def not_found(path: str, value: Any) -> Cause:
    """The value names something that is not there."""
    return Cause("FieldValueNotFound", f"Not found: {shown(value)}", path)


def too_long(path: str, limit: int) -> Cause:
    """More bytes than allowed."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", path)


def too_many(path: str, count: int, limit: int) -> Cause:
    """More items than allowed."""
    items = "item" if limit == 1 else "items"
    return Cause("FieldValueTooMany", f"Too many: {count}: must have at most {limit} {items}", path)


def non_negative(path: str, value: int) -> list[Cause]:
    """A number that must not be below zero."""
    return [invalid(path, value, "must be greater than or equal to 0")] if value < 0 else []


def one_of(path: str, value: Any, supported: Iterable[str]) -> list[Cause]:
    """An enumeration's value that must be there."""
    if not value:
        return [required(path)]
    return [] if value in supported else [not_supported(path, value, supported)]
