"""Protobuf's wire, and the small messages with a JSON form of their own: Time, Quantity, IntOrString, …"""

import base64
import struct
from collections.abc import Callable
from typing import Any

from control.schema import quantity, timestamps
from control.schema.tables import Form

Convert = Callable[[bytes, int, int], Any]
"""Buffer, start, end → the JSON form of one value; None for a zero time."""


def varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Value and the position after it."""
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def skip(buffer: bytes, at: int, wire: int) -> int:
    """The position after a field that we do not know."""
    if wire == 0:
        return varint(buffer, at)[1]
    if wire == 2:
        length, at = varint(buffer, at)
        return at + length
    if wire in (1, 5):
        return at + (8 if wire == 1 else 4)
    raise ValueError(f"illegal wireType {wire}")


def double(buffer: bytes, at: int) -> float:
    """Eight bytes; a whole number stays one in JSON."""
    value: float = struct.unpack_from("<d", buffer, at)[0]
    return int(value) if value.is_integer() else value


def signed(value: int) -> int:
    """A varint as the 64-bit two's complement number that it is."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _numbers(buffer: bytes, at: int, end: int) -> dict[int, int]:
    """The varint fields of a small message."""
    out: dict[int, int] = {}
    while at < end:
        tag, at = varint(buffer, at)
        if tag & 7:
            at = skip(buffer, at, tag & 7)
        else:
            value, at = varint(buffer, at)
            out[tag >> 3] = signed(value)
    return out


def last_bytes(buffer: bytes, at: int, end: int) -> bytes:
    """The last bytes field of a small message: Quantity's text, a raw value."""
    out = b""
    while at < end:
        tag, at = varint(buffer, at)
        stop = skip(buffer, at, tag & 7)
        if tag & 7 == 2:
            size, start = varint(buffer, at)
            out = buffer[start : start + size]
        at = stop
    return out


def _time(buffer: bytes, at: int, end: int) -> str | None:
    return timestamps.from_epoch(_numbers(buffer, at, end).get(1, 0)) if end > at else None


def _micro_time(buffer: bytes, at: int, end: int) -> str | None:
    if at == end:
        return None
    parts = _numbers(buffer, at, end)
    return timestamps.from_epoch(parts.get(1, 0), parts.get(2, 0), micro=True)


def _int_or_string(buffer: bytes, at: int, end: int) -> int | str:
    parts = _numbers(buffer, at, end)
    return last_bytes(buffer, at, end).decode() if parts.get(1) else parts.get(2, 0)


def _strings(buffer: bytes, at: int, end: int) -> list[str]:
    out = []
    while at < end:
        tag, at = varint(buffer, at)
        stop = skip(buffer, at, tag & 7)
        size, start = varint(buffer, at)
        out.append(str(buffer[start : start + size], "utf-8"))
        at = stop
    return out


CONVERTERS: dict[Form, Convert] = {
    Form.STRING: lambda buffer, at, end: str(buffer[at:end], "utf-8"),
    Form.BYTES: lambda buffer, at, end: base64.b64encode(buffer[at:end]).decode(),
    Form.TIME: _time,
    Form.MICRO_TIME: _micro_time,
    Form.DURATION: lambda buffer, at, end: timestamps.duration_text(_numbers(buffer, at, end).get(1, 0)),
    Form.QUANTITY: lambda buffer, at, end: quantity.canonical(last_bytes(buffer, at, end).decode() or "0"),
    Form.INT_OR_STRING: _int_or_string,
    Form.STRINGS: _strings,
}
