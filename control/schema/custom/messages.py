"""A custom kind's structure as messages, so that server-side apply and managed fields treat it as a built-in one.

Fields hold any JSON (its schema checks them); what counts here is which parts have owners of their own.
"""

from collections.abc import Mapping
from typing import Any, Final

from control.schema.custom.structural import LIST_TYPE, MAP_TYPE, Node
from control.schema.tables import META, Field, Form, Message, OpenFields, Shape, define

PREFIX: Final = "custom:"
"""Before the name of such a message; what follows up to ``#`` is its name in OpenAPI."""


def define_kind(name: str, root: Node) -> None:
    """Define the message ``name`` of a kind, and those of the structs in it."""
    meta = Field(0, "metadata", Shape.ONE, Form.MESSAGE, META + "ObjectMeta", False, {})
    fields = _fields(name, root)
    for key in ("apiVersion", "kind"):
        fields.pop(key, None)
    if isinstance(fields, OpenFields):
        fields = _TypedOpenFields(fields)
    fields["metadata"] = meta
    define(Message(name, (), fields))
    define(Message(name + "List", (), {}))


class _TypedOpenFields(OpenFields):
    """Of a whole object: its apiVersion and kind are no fields that anybody owns."""

    def __contains__(self, name: object) -> bool:
        return name not in ("apiVersion", "kind")


def _fields(name: str, node: Node) -> dict[str, Field]:
    fields: dict[str, Field] = OpenFields() if node.preserve else {}
    for key, child in node.properties.items():
        fields[key] = _of(f"{name}/{key}", key, child)
    if node.embedded:
        for key in ("apiVersion", "kind", "metadata"):
            fields.setdefault(key, _field(key, Shape.ONE, "", {}))
    return fields


def _of(name: str, key: str, node: Node) -> Field:
    rule: dict[str, Any] = {}
    if "default" in node.raw:
        rule["default"] = node.raw["default"]
    if node.type == "array":
        return _list(name, key, node, rule)
    if node.raw.get(MAP_TYPE) == "atomic":
        return _field(key, Shape.ONE, "", rule | {"mapType": "atomic"})
    if _is_struct(node):
        return _field(key, Shape.ONE, _struct(name, node), rule)
    if node.type == "object":
        inner = node.additional
        below = _struct(f"{name}/*", inner) if inner is not None and _is_struct(inner) else ""
        return _field(key, Shape.MAP, below, rule)
    return _field(key, Shape.ONE, "", rule)


def _list(name: str, key: str, node: Node, rule: dict[str, Any]) -> Field:
    kind = node.raw.get(LIST_TYPE)
    if kind == "set":
        return _field(key, Shape.LIST, "", rule | {"listType": "set"})
    if kind == "map" and node.items is not None:
        keyed = rule | {"listType": "map", "listMapKey": list(node.list_keys)}
        return _field(key, Shape.LIST, _struct(f"{name}/[]", node.items), keyed)
    return _field(key, Shape.LIST, "", rule)


def _is_struct(node: Node) -> bool:
    return bool(node.properties) or node.embedded or (node.preserve and node.type == "object")


def _struct(name: str, node: Node) -> str:
    define(Message(name, (), _fields(name, node)))
    return name


def _field(name: str, shape: Shape, message: str, rule: Mapping[str, Any]) -> Field:
    return Field(0, name, shape, Form.MESSAGE if message else Form.RAW, message, True, rule)
