"""The slow walk over an object that has something wrong: finds the paths, in upstream's words."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from control.schema import quantity, timestamps
from control.schema.resource import registry
from control.schema.tables import Field, Form, Message, Shape, message

_RANGES = {Form.INT32: 1 << 31, Form.INT64: 1 << 63}
_GO_TYPES = {Form.STRING: "string", Form.BOOL: "bool", Form.INT32: "int32", Form.INT64: "int64",
             Form.DOUBLE: "float64", Form.BYTES: "[]uint8", Form.QUANTITY: "resource.Quantity"}  # fmt: skip
_JSON_TYPES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_TEXT_FORMS: dict[Form, Callable[[str], Any]] = {
    Form.TIME: timestamps.normal_time,
    Form.MICRO_TIME: timestamps.normal_micro_time,
    Form.DURATION: timestamps.duration_nanos,
}


@dataclass(slots=True)
class _Notes:
    unknown: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: the path with indices, the path as Go's decoder has it, and the enclosing struct."""

    path: str
    go_path: str
    struct: str

    def below(self, name: str, struct: str) -> "_Place":
        dot = "." if self.path else ""
        return _Place(f"{self.path}{dot}{name}", f"{self.go_path}{dot}{name}", struct)

    def index(self, number: int) -> "_Place":
        return _Place(f"{self.path}[{number}]", self.go_path, self.struct)


def inspect(name: str, obj: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Unknown fields (pruned from ``obj``) and type errors of an object of message ``name``."""
    notes = _Notes()
    _message(message(name), obj, _Place("", "", ""), notes, root=True)
    return notes.unknown, notes.errors


def _message(what: Message, obj: Any, at: _Place, notes: _Notes, *, root: bool = False) -> None:
    if type(obj) is not dict:
        notes.errors.append(_mismatch(obj, at, _go_message(what.name)))
        return
    typed = root or what.name in kinds()
    for key in list(obj):
        known = what.json_fields.get(key)
        if known is None:
            if typed and key in ("apiVersion", "kind"):
                continue
            notes.unknown.append(f"{at.path}.{key}" if at.path else key)
            del obj[key]
        elif obj[key] is not None:
            _field(known, obj[key], at.below(key, what.go_name), notes)


@cache
def kinds() -> frozenset[str]:
    """Messages with apiVersion and kind of their own in JSON, also inside others (volumeClaimTemplates)."""
    return frozenset(row.message for row in registry().rows)


def _field(what: Field, value: Any, at: _Place, notes: _Notes) -> None:
    if what.shape is Shape.ONE:
        _value(what, value, at, notes)
    elif what.shape is Shape.LIST:
        if type(value) is not list:
            notes.errors.append(_mismatch(value, at, "[]" + _go_type(what)))
            return
        for index, item in enumerate(value):
            _value(what, item, at.index(index), notes)
    else:
        if type(value) is not dict:
            notes.errors.append(_mismatch(value, at, "map[string]" + _go_type(what)))
            return
        for key, item in value.items():
            _value(what, item, at.below(key, at.struct), notes)


def _value(what: Field, value: Any, at: _Place, notes: _Notes) -> None:
    if what.form is Form.MESSAGE:
        if value is not None:
            _message(message(what.message), value, at, notes)
        return
    said = _wrong(what, value, at)
    if said:
        notes.errors.append(said)


def _wrong(what: Field, value: Any, at: _Place) -> str:
    """Why this is no value of the field's form; empty when it is one."""
    form = what.form
    if form in (Form.RAW, Form.UNION) or value is None:
        return ""
    if form in _RANGES:
        if type(value) is int and -_RANGES[form] <= value < _RANGES[form]:
            return ""
        return _mismatch(value, at, _GO_TYPES[form], number=True)
    if form is Form.QUANTITY:
        ok = type(value) in (str, int, float) and quantity.is_quantity(value)
        return "" if ok else quantity.REFUSED
    if form is Form.INT_OR_STRING:
        ok = type(value) is str or (
            type(value) is int and -_RANGES[Form.INT32] <= value < _RANGES[Form.INT32]
        )
        return "" if ok else f"json: cannot unmarshal {_json_type(value)} into Go value of type int32"
    if form is Form.DOUBLE:
        return "" if type(value) in (int, float) else _mismatch(value, at, "float64")
    if form is Form.BOOL:
        return "" if type(value) is bool else _mismatch(value, at, "bool")
    if form is Form.STRINGS:
        ok = type(value) is list and all(type(item) is str for item in value)
        return "" if ok else _mismatch(value, at, _go_type(what))
    if type(value) is not str:
        return _mismatch(value, at, _go_type(what))
    return _wrong_text(form, value)


def _wrong_text(form: Form, value: str) -> str:
    try:
        if form is Form.BYTES:
            base64.b64decode(value, validate=True)
        elif form in _TEXT_FORMS:
            _TEXT_FORMS[form](value)
    except binascii.Error:
        legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
        bad = next((index for index, letter in enumerate(value) if letter not in legal), len(value) // 4 * 4)
        return f"illegal base64 data at input byte {bad}"
    except ValueError as error:
        return str(error)
    return ""


def _go_message(name: str) -> str:
    package, kind = name.rsplit(".", 1)
    return f"{package.rsplit('.', 1)[1]}.{kind}"


def _go_type(what: Field) -> str:
    return _GO_TYPES.get(what.form) or _go_message(what.message)


def _json_type(value: Any) -> str:
    return _JSON_TYPES.get(type(value), "null")


def _mismatch(value: Any, at: _Place, go_type: str, *, number: bool = False) -> str:
    shown = _json_type(value)
    if number and shown == "number":
        shown = f"number {value}"
    where = f"Go struct field {at.struct}.{at.go_path}" if at.struct else "Go value"
    return f"json: cannot unmarshal {shown} into {where} of type {go_type}"
