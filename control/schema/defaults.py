"""Defaults: what upstream fills in on decoding.

Three sources, by message: ``data/defaults.json`` (plain values), the ``default`` markers of the structure tables,
and functions for what depends on other fields (``defaults_pod``, ``defaults_kinds``). One compiled closure a
message visits only what can have a default.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from control.schema.defaults_kinds import KIND_DEFAULTS
from control.schema.defaults_pod import POD_DEFAULTS
from control.schema.resource import ResourceRow
from control.schema.tables import Form, Shape, message, table

Fill = Callable[[dict[str, Any]], None]
_FUNCTIONS: dict[str, Fill] = POD_DEFAULTS | KIND_DEFAULTS


def apply_defaults(row: ResourceRow, obj: dict[str, Any]) -> None:
    """Fill in what upstream fills in on decoding, in place. Idempotent."""
    if row.custom is not None:
        row.custom.fill(obj)
        return
    if row.message and _has_defaults(row.message):
        _compiled(row.message)(obj)


def apply_message_defaults(name: str, obj: dict[str, Any]) -> None:
    """As ``apply_defaults``, by a message's full name (bodies of subresources)."""
    if _has_defaults(name):
        _compiled(name)(obj)


@cache
def _plain(name: str) -> tuple[tuple[str, Any, bytes], ...]:
    """A message's plain defaults: field, value, and its JSON when each object needs a copy of its own."""
    package, _, kind = name.rpartition(".")
    ours = dict(table("defaults").get(package, {}).get(kind, {}))
    for field in message(name).json_fields.values():
        value = field.rule.get("default")
        meant = value is not None and not (isinstance(value, str) and value.startswith("ref("))
        if meant and (value or field.pointer):
            ours.setdefault(field.name, value)
    return tuple(
        (field, value, orjson.dumps(value) if isinstance(value, dict | list) else b"")
        for field, value in ours.items()
    )


@cache
def _below(name: str) -> tuple[tuple[str, Shape, str], ...]:
    """Fields of a message whose own messages may have defaults."""
    return tuple(
        (field.name, field.shape, field.message)
        for field in message(name).json_fields.values()
        if field.form is Form.MESSAGE
    )


@cache
def _has_defaults(name: str) -> bool:
    """Does this message, or any that it can hold, have a default?"""
    seen, waiting = {name}, [name]
    while waiting:
        current = waiting.pop()
        if current in _FUNCTIONS or _plain(current):
            return True
        for _, _, inner in _below(current):
            if inner not in seen:
                seen.add(inner)
                waiting.append(inner)
    return False


@cache
def _compiled(name: str) -> Fill:
    plain, own = _plain(name), _FUNCTIONS.get(name)
    below = [(key, shape, _later(inner)) for key, shape, inner in _below(name) if _has_defaults(inner)]
    singles = [(key, fill) for key, shape, fill in below if shape is Shape.ONE]
    several = [(key, shape is Shape.MAP, fill) for key, shape, fill in below if shape is not Shape.ONE]

    def fill(obj: dict[str, Any]) -> None:
        for key, value, copied in plain:
            if key not in obj:
                obj[key] = orjson.loads(copied) if copied else value
        if own is not None:
            own(obj)
        for key, inner in singles:
            child = obj.get(key)
            if child is not None:
                inner(child)
        for key, mapped, inner in several:
            children = obj.get(key)
            if children:
                for child in children.values() if mapped else children:
                    inner(child)

    return fill


def _later(name: str) -> Fill:
    """The closure of a message, compiled at its first use (types may recurse)."""
    found: list[Fill] = []

    def first(obj: dict[str, Any]) -> None:
        if not found:
            found.append(_compiled(name))
        found[0](obj)

    return first
