"""How far down ownership of fields goes: what of an object is one value, what is made of named parts."""

import enum
from collections.abc import Callable, Iterator
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


def grain(field: Field) -> Grain:
    """The grain of a field, from its list and map types; lists are atomic unless they say otherwise."""
    rule = field.rule
    if field.shape is Shape.LIST:
        return {"map": Grain.KEYED, "set": Grain.SET}.get(rule.get("listType", ""), Grain.LEAF)
    if rule.get("mapType") == "atomic":
        return Grain.LEAF
    if field.shape is Shape.MAP:
        return Grain.MAP
    if field.form is not Form.MESSAGE:
        return Grain.LEAF
    whole = message(field.message).atomic and rule.get("structType") != "granular"
    return Grain.LEAF if whole else Grain.STRUCT


def below(field: Field) -> Message | None:
    """The message of a field's values; None for scalars."""
    return message(field.message) if field.form is Form.MESSAGE else None


def children(of: Message, value: dict[str, Any]) -> Iterator[tuple[str, Field, Any]]:
    """Step, field and value of a struct's known fields."""
    known = of.json_fields
    for name, child in value.items():
        if name in known:
            yield f"f:{name}", known[name], child


def items(field: Field, value: list[Any]) -> list[tuple[str, Any]]:
    """Step and value of the items of a keyed list or a set."""
    step = stepper(field)
    return [(step(item), item) for item in value]


def stepper(field: Field) -> Callable[[Any], str]:
    """How the items of a keyed list or a set are named; keys in order of their names, as upstream writes them."""
    if grain(field) is Grain.SET:
        return lambda item: f"v:{orjson.dumps(item).decode()}"
    declared = field.rule["listMapKey"]
    keys = sorted([declared] if isinstance(declared, str) else declared)
    inner = message(field.message).json_fields if field.form is Form.MESSAGE else {}
    defaults = [(key, inner[key].rule.get("default") if key in inner else None) for key in keys]
    if len(defaults) == 1:
        return _by_one_key(*defaults[0])

    def by_keys(item: Any) -> str:
        named = {key: item.get(key, default) for key, default in defaults}
        return f"k:{orjson.dumps({k: v for k, v in named.items() if v is not None}).decode()}"

    return by_keys


def _by_one_key(key: str, default: Any) -> Callable[[Any], str]:
    def by_key(item: Any) -> str:
        value = item.get(key, default)
        if type(value) is str and value.isprintable() and '"' not in value and "\\" not in value:
            return f'k:{{"{key}":"{value}"}}'
        return f"k:{orjson.dumps({key: value} if value is not None else {}).decode()}"

    return by_key
