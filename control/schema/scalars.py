"""Scalars of each JSON form: is it one, and its canonical text."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from control.schema import quantity, timestamps
from control.schema.tables import Form

_INT32, _INT64 = 1 << 31, 1 << 63


class _Wrong:
    """The value can't be of its field's type."""


WRONG = _Wrong()


def _int(limit: int) -> Callable[[Any], Any]:
    return lambda value: value if type(value) is int and -limit <= value < limit else WRONG


def _double(value: Any) -> Any:
    return value if type(value) in (int, float) else WRONG


def _bytes(value: Any) -> Any:
    if type(value) is not str:
        return WRONG
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return WRONG
    return value


def _text_by(normal: Callable[[str], str]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is not str:
            return WRONG
        try:
            made = normal(value)
        except ValueError:
            return WRONG
        return value if made == value else made

    return convert


def _quantity(value: Any) -> Any:
    if type(value) is not str and type(value) not in (int, float):
        return WRONG
    try:
        made = quantity.canonical(value)
    except quantity.QuantityInvalid:
        return WRONG
    return value if made == value else made


def _int_or_string(value: Any) -> Any:
    return value if type(value) is str or (type(value) is int and -_INT32 <= value < _INT32) else WRONG


def _strings(value: Any) -> Any:
    return value if type(value) is list and all(type(item) is str for item in value) else WRONG


def _duration(text: str) -> str:
    return timestamps.duration_text(timestamps.duration_nanos(text))


SCALARS: dict[Form, Callable[[Any], Any]] = {
    Form.STRING: lambda value: value if type(value) is str else WRONG,
    Form.BOOL: lambda value: value if type(value) is bool else WRONG,
    Form.INT32: _int(_INT32),
    Form.INT64: _int(_INT64),
    Form.DOUBLE: _double,
    Form.BYTES: _bytes,
    Form.TIME: _text_by(timestamps.normal_time),
    Form.MICRO_TIME: _text_by(timestamps.normal_micro_time),
    Form.DURATION: _text_by(_duration),
    Form.QUANTITY: _quantity,
    Form.INT_OR_STRING: _int_or_string,
    Form.RAW: lambda value: value,
    Form.STRINGS: _strings,
    Form.UNION: lambda value: value,
}
"""Form → a function that gives the value back, its canonical form, or WRONG."""
