"""How far down ownership of fields goes: what of an object is one value, what is made of named parts."""

import enum
from collections.abc import Iterator
from typing import Any

import orjson

from control.schema.tables import Field, Form, Message, Shape, message


class Grain(enum.Enum):
    """What a field is to server-side apply."""

    LEAF = "leaf"  # one value: scalars, atomic lists, maps and structs
    STRUCT = "struct"
    MAP = "map"
    KEYED = "keyed"  # a list whose items are known by keys
    SET = "set"  # a list of scalars, each known by itself


_ATOMIC = frozenset((
    "LabelSelector", "LocalObjectReference", "ObjectReference", "SecretReference", "TypedLocalObjectReference",
    "ConfigMapKeySelector", "SecretKeySelector", "FileKeySelector", "ObjectFieldSelector",
    "ResourceFieldSelector", "NodeSelector", "NodeSelectorTerm", "TopologySelectorTerm", "OwnerReference",
    "ScopeSelector", "CrossVersionObjectReference", "RoleRef", "Subject",
))  # fmt: skip
"""Structs that have one owner as a whole: upstream marks the type, which the tables do not show."""


def grain(field: Field) -> Grain:
    """The grain of a field, from its list and map types; lists are atomic unless they say otherwise."""
    rule = field.rule
    if field.shape is Shape.LIST:
        return {"map": Grain.KEYED, "set": Grain.SET}.get(rule.get("listType", ""), Grain.LEAF)
    if rule.get("mapType") == "atomic":
        return Grain.LEAF
    if field.shape is Shape.MAP:
        return Grain.MAP
    if field.form is not Form.MESSAGE or field.message.rpartition(".")[2] in _ATOMIC:
        return Grain.LEAF
    return Grain.STRUCT


def below(field: Field) -> Message | None:
    """The message of a field's values; None for scalars."""
    return message(field.message) if field.form is Form.MESSAGE else None


def children(of: Message, value: dict[str, Any]) -> Iterator[tuple[str, Field, Any]]:
    """Step, field and value of a struct's known fields."""
    known = of.json_fields
    for name, child in value.items():
        if name in known:
            yield f"f:{name}", known[name], child


def items(field: Field, value: list[Any]) -> Iterator[tuple[str, Any]]:
    """Step and value of the items of a keyed list or a set."""
    if grain(field) is Grain.SET:
        for item in value:
            yield f"v:{orjson.dumps(item).decode()}", item
        return
    keys = (
        [field.rule["listMapKey"]] if isinstance(field.rule["listMapKey"], str) else field.rule["listMapKey"]
    )
    of = below(field)
    for item in value:
        named = {key: item.get(key, _default(of, key)) for key in keys}
        present = {key: value for key, value in named.items() if value is not None}
        yield f"k:{orjson.dumps(present, option=orjson.OPT_SORT_KEYS).decode()}", item


def _default(of: Message | None, key: str) -> Any:
    """A key that is left out stands for its default (a port's protocol)."""
    field = of.json_fields.get(key) if of else None
    return field.rule.get("default") if field else None
