"""Rules that the structure tables declare: required fields, enumerations, sizes, ranges, immutable fields.

For kinds without rules of our own. Upstream's alpha markers are off, as their gates are by default.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from control.errors import Cause
from control.schema import causes
from control.schema.tables import Field, Form, Shape, message

_WRAPPED = re.compile(r'beta\(since: ?"[\d.]+"\)=\+k8s:(.*)')


@cache
def _markers(name: str, field: str) -> dict[str, str]:
    """A field's markers that are in force: ``maxItems`` → ``32``, ``immutable`` → empty."""
    found: dict[str, str] = {}
    for text in message(name).json_fields[field].rule.get("rules", ()):
        match = _WRAPPED.fullmatch(text)
        marker = match.group(1) if match is not None else text
        key, _, value = marker.partition("=")
        if key.isalpha():
            found[key] = value.partition(" ")[0].strip('"')
    return found


def declared(name: str, obj: Mapping[str, Any], path: str = "") -> list[Cause]:
    """What an object of message ``name`` breaks of its declared rules."""
    found: list[Cause] = []
    for key, field in message(name).json_fields.items():
        at = f"{path}.{key}" if path else key
        if key not in obj:
            if field.rule.get("required") and field.name not in ("metadata", "status"):
                found.append(causes.required(at))
            continue
        value = obj[key]
        a_struct = field.form is Form.MESSAGE and field.shape is Shape.ONE
        if field.rule.get("required") and value in ("", [], {}) and not (field.pointer or a_struct):
            found.append(causes.required(at))
            continue
        found += _limits(_markers(name, key), value, at)
        found += _enum(field, value, at)
        if field.form is Form.MESSAGE and key != "metadata":
            found += _inside(field, value, at)
    return found


def _limits(markers: Mapping[str, str], value: Any, at: str) -> list[Cause]:
    if not markers:
        return []
    found: list[Cause] = []
    if isinstance(value, list) and "maxItems" in markers and len(value) > int(markers["maxItems"]):
        found.append(causes.too_many(at, len(value), int(markers["maxItems"])))
    if isinstance(value, str):
        limits = [int(markers[key]) for key in ("maxLength", "maxBytes") if key in markers]
        found += [causes.too_long(at, limit) for limit in limits if len(value.encode()) > limit]
    if type(value) is int:
        if "minimum" in markers and value < int(markers["minimum"]):
            said = f"must be greater than or equal to {markers['minimum']}"
            found.append(causes.invalid(at, value, said))
        if "maximum" in markers and value > int(markers["maximum"]):
            said = f"must be less than or equal to {markers['maximum']}"
            found.append(causes.invalid(at, value, said))
    return found


def _enum(field: Field, value: Any, at: str) -> list[Cause]:
    allowed = field.rule.get("enum")
    if not allowed:
        return []
    if field.shape is Shape.ONE:
        empty_is_fine = value == "" and field.rule.get("optional")
        if isinstance(value, str) and value not in allowed and not empty_is_fine:
            return [causes.not_supported(at, value, allowed)]
    elif field.shape is Shape.LIST:
        return [
            causes.not_supported(f"{at}[{index}]", item, allowed)
            for index, item in enumerate(value)
            if isinstance(item, str) and item not in allowed
        ]
    return []


def _inside(field: Field, value: Any, at: str) -> list[Cause]:
    if field.shape is Shape.ONE:
        return declared(field.message, value, at)
    found: list[Cause] = []
    if field.shape is Shape.LIST:
        for index, item in enumerate(value):
            found += declared(field.message, item, f"{at}[{index}]")
    else:
        for key, item in value.items():
            found += declared(field.message, item, f"{at}[{key}]")
    return found


def declared_update(name: str, new: Mapping[str, Any], old: Mapping[str, Any], path: str = "") -> list[Cause]:
    """Immutable fields that change, in structs that are no list."""
    found: list[Cause] = []
    for key, field in message(name).json_fields.items():
        at = f"{path}.{key}" if path else key
        if new.get(key) == old.get(key) or key in ("metadata", "status"):
            continue
        if "immutable" in _markers(name, key):
            found.append(causes.immutable(at, new.get(key)))
        elif field.form is Form.MESSAGE and field.shape is Shape.ONE:
            found += declared_update(field.message, new.get(key) or {}, old.get(key) or {}, at)
    return found
