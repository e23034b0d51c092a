"""Protobuf bodies, as kubectl and Go clients send them, into JSON form.

A body is ``k8s\\0`` and a ``runtime.Unknown`` whose typeMeta names the message in ``raw``. One decoder a
message is compiled at its first use, from the table of fields. What Go would leave out of JSON is left out;
``structure.check`` afterwards adds the empty lists that a message can't carry.
"""

import base64
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from control.errors import BadRequest
from control.schema.protobuf_values import CONVERTERS, Convert, double, last_bytes, signed, skip, varint
from control.schema.resource import message_name, registry
from control.schema.tables import META, Field, Form, Message, Shape, has_message, message

Decode = Callable[[bytes, int, int], dict[str, Any]]
MAGIC = b"k8s\x00"
_OPTIONS = {"CreateOptions", "DeleteOptions", "GetOptions", "ListOptions", "PatchOptions", "UpdateOptions"}
_NUMBERS: dict[Form, Callable[[int], Any]] = {Form.INT32: signed, Form.INT64: signed, Form.BOOL: bool}
_TEXT, _INT, _SUB, _TEXTS, _SUBS, _MAP, _CONVERT, _CONVERTS, _INLINED, _BOOL, _INTS, _DOUBLE = range(12)


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object in a ``k8s\\0`` envelope, with apiVersion and kind. Raises BadRequest."""
    if not body.startswith(MAGIC):
        raise BadRequest(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        envelope = _decoder("k8s.io.apimachinery.pkg.runtime.Unknown")(body, len(MAGIC), len(body))
        api_version, kind = envelope.get("apiVersion", ""), envelope.get("kind", "")
        raw = base64.b64decode(envelope.get("raw", ""))
        name = _message_of(api_version, kind)
        return {"kind": kind, "apiVersion": api_version} | _decoder(name)(raw, 0, len(raw))
    except (IndexError, ValueError) as error:
        raise BadRequest(f"unable to decode the protobuf body: {error}") from error


def decode_message(name: str, raw: bytes) -> dict[str, Any]:
    """A bare message (no envelope). Raises ValueError, IndexError."""
    return _decoder(name)(raw, 0, len(raw))


def _message_of(api_version: str, kind: str) -> str:
    """Full message name of an object's apiVersion and kind. Raises BadRequest."""
    row = registry().by_kind(api_version, kind)
    if row is not None and row.message:
        return row.message
    group, _, version = api_version.rpartition("/")
    name = message_name(group, version, kind)
    if name:
        return name
    if kind in _OPTIONS and has_message(META + kind):  # in every group, as upstream registers them
        return META + kind
    raise BadRequest(f'no kind "{kind}" is registered for version "{api_version}" in the protobuf tables')


@cache
def _decoder(name: str) -> Decode:
    """The decoder of one message: a loop over tags, with a table of what to do at each."""
    what = message(name)
    steps = {_tag(field): _step(field) for field in what.fields}
    lookup = steps.get
    zeros = _zeros(what)

    def decode(buffer: bytes, at: int, end: int) -> dict[str, Any]:
        out: dict[str, Any] = dict(zeros)
        while at < end:
            tag = buffer[at]
            at += 1
            if tag >= 0x80:
                tag, at = varint(buffer, at - 1)
            step = lookup(tag)
            if step is None:
                at = skip(buffer, at, tag & 7)
                continue
            code, key, inner, keep = step
            if code == _DOUBLE:
                out[key] = double(buffer, at)
                at += 8
                continue
            size = buffer[at]
            at += 1
            if size >= 0x80:
                size, at = varint(buffer, at - 1)
            if code == _INT:
                if size or keep:
                    out[key] = signed(size)
                continue
            if code == _BOOL:
                if size or keep:
                    out[key] = size != 0
                continue
            if code == _INTS:
                out.setdefault(key, []).append(inner(size))
                continue
            stop = at + size
            if stop > end:
                raise ValueError("unexpected EOF")
            if code == _TEXT:
                if size or keep:
                    out[key] = str(buffer[at:stop], "utf-8")
            elif code == _SUB:
                out[key] = inner(buffer, at, stop)
            elif code == _SUBS:
                if key in out:
                    out[key].append(inner(buffer, at, stop))
                else:
                    out[key] = [inner(buffer, at, stop)]
            elif code == _MAP:
                pair = inner(buffer, at, stop)
                if key in out:
                    out[key][pair[0]] = pair[1]
                else:
                    out[key] = {pair[0]: pair[1]}
            elif code == _CONVERT:
                value = inner(buffer, at, stop)
                if value or (keep and value is not None):
                    out[key] = value
            elif code == _INLINED:
                out |= inner(buffer, at, stop)
            else:
                out.setdefault(key, []).extend(inner(buffer, at, stop))
            at = stop
        return out

    return decode


def _zeros(what: Message) -> dict[str, Any]:
    """Scalars that Go writes into JSON even when they are zero, for senders that leave them out."""
    blank = {Form.STRING: "", Form.BOOL: False, Form.INT32: 0, Form.INT64: 0}
    return {
        field.name: blank[field.form]
        for field in what.fields
        if field.name
        and field.form in blank
        and field.shape is Shape.ONE
        and not field.pointer
        and not field.omit_empty
        and not what.name.startswith("k8s.io.apimachinery.pkg.runtime.")
    }


def _tag(field: Field) -> int:
    """Field number and wire type; repeated numbers come unpacked, as from upstream (proto2)."""
    wire = 2
    if field.shape is not Shape.MAP:
        wire = {Form.BOOL: 0, Form.INT32: 0, Form.INT64: 0, Form.DOUBLE: 1}.get(field.form, 2)
    return field.number << 3 | wire


def _step(field: Field) -> tuple[int, str, Any, bool]:
    """What to do at one field: code, JSON name, inner function, keep a zero value."""
    keep = not field.omit_empty
    if field.form is Form.DOUBLE:
        return _DOUBLE, field.name, None, keep
    if field.shape is Shape.MAP:
        return _MAP, field.name, _entry(field), keep
    if field.form is Form.MESSAGE:
        inner = _later(field.message)
        if not field.name:
            return _INLINED, "", inner, keep
        return (_SUB if field.shape is Shape.ONE else _SUBS), field.name, inner, keep
    if field.shape is Shape.ONE:
        code = {Form.STRING: _TEXT, Form.BOOL: _BOOL, Form.INT32: _INT, Form.INT64: _INT}.get(field.form)
        if code is not None:
            return code, field.name, None, keep
        return _CONVERT, field.name, _converter(field), keep
    if field.form in _NUMBERS:
        return _INTS, field.name, _NUMBERS[field.form], keep
    convert = _converter(field)
    return _CONVERTS, field.name, lambda buffer, at, stop: [convert(buffer, at, stop)], keep


def _later(name: str) -> Decode:
    """The decoder of a message, compiled at its first use (types may recurse)."""
    found: list[Decode] = []

    def first(buffer: bytes, at: int, end: int) -> dict[str, Any]:
        if not found:
            found.append(_decoder(name))
        return found[0](buffer, at, end)

    return first


def _entry(field: Field) -> Callable[[bytes, int, int], tuple[str, Any]]:
    """One entry of a map: key is field 1, value field 2."""
    convert = _later(field.message) if field.form is Form.MESSAGE else _converter(field)
    empty: Any = "" if field.form in (Form.STRING, Form.BYTES) else None

    def entry(buffer: bytes, at: int, end: int) -> tuple[str, Any]:
        key, value = "", empty
        while at < end:
            tag = buffer[at]
            size, at = varint(buffer, at + 1)
            if tag == 0x0A:
                key = str(buffer[at : at + size], "utf-8")
            elif tag == 0x12:
                value = convert(buffer, at, at + size)
            at += size
        if value is None:
            value = convert(buffer, end, end)
        return key, value

    return entry


def _converter(field: Field) -> Convert:
    """Bytes → the JSON form of one value; None for a zero time."""
    if field.form is Form.UNION:
        return _union(field.message)
    return _raw if field.form is Form.RAW else CONVERTERS[field.form]


def _raw(buffer: bytes, at: int, end: int) -> Any:
    text = last_bytes(buffer, at, end)
    return _nested(text) if text else None


def _nested(text: bytes) -> Any:
    """A RawExtension holds JSON, or an envelope of its own."""
    return decode_protobuf(text) if text.startswith(MAGIC) else orjson.loads(text)


def _union(name: str) -> Convert:
    """JSONSchemaPropsOrBool and its like: the message's later field wins over the earlier."""
    decode = _later(name)

    def convert(buffer: bytes, at: int, end: int) -> Any:
        parts = decode(buffer, at, end)
        for key in ("schema", "jSONSchemas", "property"):
            if key in parts:
                return parts[key]
        return parts.get("allows", False)

    return convert
