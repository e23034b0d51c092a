"""Defaults of structural schemas: filled in where a field is missing, or null where null is no value."""

from collections.abc import Callable
from typing import Any

import orjson

from control.schema.custom.structural import Node

Fill = Callable[[Any], None]


def compiled(node: Node) -> Fill | None:
    """What fills in the defaults below ``node``, in place; None when there are none."""
    if node.items is not None:
        each = compiled(node.items)
        return _of_list(each) if each is not None else None
    plain = [
        (key, child.raw["default"], _packed(child.raw["default"]), child.nullable)
        for key, child in node.properties.items()
        if child.raw.get("default") is not None
    ]
    inner = [(key, fill) for key, child in node.properties.items() if (fill := compiled(child)) is not None]
    every = compiled(node.additional) if node.additional is not None else None
    if not plain and not inner and every is None:
        return None
    known = frozenset(node.properties)

    def fill_fields(value: Any) -> None:
        if type(value) is not dict:
            return
        for key, default, packed, nullable in plain:
            if key not in value or (value[key] is None and not nullable):
                value[key] = orjson.loads(packed) if packed else default
        for key, below in inner:
            if key in value:
                below(value[key])
        if every is not None:
            for key, child in value.items():
                if key not in known:
                    every(child)

    return fill_fields


def _of_list(each: Fill) -> Fill:
    def fill_each(value: Any) -> None:
        if type(value) is list:
            for item in value:
                each(item)

    return fill_each


def _packed(default: Any) -> bytes:
    """JSON of a default of which each object needs a copy of its own; else empty."""
    return orjson.dumps(default) if isinstance(default, dict | list) else b""
