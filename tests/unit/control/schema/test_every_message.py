"""Objects of every kind, generated from the structure tables: nothing in the schema stumbles over them.

The generator is seeded; a failure names the kind and prints the object.
"""

import base64
import copy
import random
import struct
from typing import Any

import pytest

from control.schema import quantity, timestamps
from control.schema.apply import apply_patch, record_update
from control.schema.defaults import apply_defaults
from control.schema.protobuf import MAGIC, decode_protobuf
from control.schema.resource import ResourceRow, registry
from control.schema.strategy import prepare_create, prepare_update
from control.schema.structure import check
from control.schema.table import as_table
from control.schema.tables import Field, Form, Shape, message
from control.schema.validate import validate_create, validate_update

Json = dict[str, Any]
ROWS = registry().rows
NAMES = ("", "a", "web-1", "Bad_Name", "x" * 70, "10.0.0.1", "0", "None", "In", "Exists", "ClusterIP", "TCP")
VALUES: dict[Form, tuple[Any, ...]] = {
    Form.STRING: NAMES,
    Form.BOOL: (True, False),
    Form.INT32: (0, 1, 80, -1, 65536, (1 << 31) - 1),
    Form.INT64: (0, 1, 600, -1, 1 << 40),
    Form.DOUBLE: (0.5, 3),
    Form.BYTES: ("", "YQ==", base64.b64encode(bytes(range(9))).decode()),
    Form.TIME: ("2024-01-01T00:00:00Z",),
    Form.MICRO_TIME: ("2024-01-01T00:00:00.000001Z",),
    Form.DURATION: ("0s", "1m30s"),
    Form.QUANTITY: ("0", "1", "500m", "1Gi", "-1"),
    Form.INT_OR_STRING: (0, 80, "", "http", "25%", "x%"),
    Form.RAW: ({"a": 1}, {}),
    Form.STRINGS: (["a"], []),
}


class Maker:
    """Random objects: most fields absent, some present, and what is present of the right type."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def message(self, name: str, depth: int = 0) -> Json:
        fields = message(name).json_fields.values()
        share = 0.5 if depth < 4 else 0.15
        made = {field.name: self._field(field, depth) for field in fields if self._random.random() < share}
        return {key: value for key, value in made.items() if value is not None}

    def _field(self, field: Field, depth: int) -> Any:
        if field.form is Form.UNION or depth > 12:
            return None
        if field.shape is Shape.ONE:
            return self._one(field, depth)
        count = self._random.choice((0, 1, 2))
        if field.shape is Shape.LIST:
            return _different(field, [self._one(field, depth) for _ in range(count)])
        return {self._random.choice(NAMES[1:]): self._one(field, depth) for _ in range(count)}

    def _one(self, field: Field, depth: int) -> Any:
        if field.form is Form.MESSAGE:
            return self.message(field.message, depth + 1)
        enum = field.rule.get("enum")
        if enum and self._random.random() < 0.7:
            return self._random.choice(enum)
        return copy.deepcopy(self._random.choice(VALUES[field.form]))


def _different(field: Field, items: list[Any]) -> list[Any]:
    """Only the first of a keyed list or a set when two have the same key (a missing one may be defaulted)."""
    keys = field.rule.get("listMapKey", [])
    alike = len(items) == 2 and (
        items[0] == items[1] or (keys and all(items[0].get(key) == items[1].get(key) for key in keys))
    )
    incomplete = any(key not in item or not item[key] for key in keys for item in items)
    return items[:1] if alike or incomplete else items


def made(row: ResourceRow, seed: int) -> Json:
    obj = {"apiVersion": row.api_version, "kind": row.kind, **Maker(seed).message(row.message)}
    obj.setdefault("metadata", {}).setdefault("name", "a")
    obj["metadata"].pop("managedFields", None)
    return obj


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.api_version} {row.kind}")
def test_the_whole_way_of_a_write(row: ResourceRow):
    for seed in range(8):
        obj = made(row, seed)
        findings = check(row, obj)
        assert (findings.unknown, findings.errors) == ((), ())
        once = copy.deepcopy(obj)
        check(row, obj)
        assert obj == once, "canonical twice is not canonical once"
        apply_defaults(row, obj)
        once = copy.deepcopy(obj)
        apply_defaults(row, obj)
        assert obj == once, "defaults twice are not defaults once"
        prepare_create(row, obj)
        validate_create(row, obj)
        record_update(row, obj, None, manager="a")
        new = copy.deepcopy(obj)
        other = made(row, seed + 100)
        new["spec"] = other.get("spec", {})
        check(row, new)
        apply_defaults(row, new)
        prepare_update(row, new, obj)
        validate_update(row, new, obj)
        record_update(row, new, obj, manager="b")
        as_table(row, [new])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.api_version} {row.kind}")
def test_patches_with_the_object_itself_change_nothing(row: ResourceRow):
    for seed in range(4):
        obj = made(row, seed)
        check(row, obj)
        applied = apply_patch(row, None, obj, manager="a", force=False)
        again = apply_patch(row, applied, obj, manager="a", force=False)
        assert again == applied


def varint(value: int) -> bytes:
    out, value = bytearray(), value & (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def block(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def plain(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def encoded(name: str, obj: Json) -> bytes:
    """As gogo's encoder: every field that is no pointer is written, empty or not; inlined messages as fields."""
    out = b""
    for field in message(name).fields:
        if not field.name:
            out += block(field.number, encoded(field.message, obj))
        elif field.name in obj:
            out += _field(field, obj[field.name])
    return out


def _field(field: Field, value: Any) -> bytes:
    if field.shape is Shape.LIST:
        return b"".join(_tagged(field, item) for item in value)
    if field.shape is Shape.MAP:
        one = Field(2, field.name, Shape.ONE, field.form, field.message, False, {})
        return b"".join(
            block(field.number, block(1, key.encode()) + _tagged(one, item)) for key, item in value.items()
        )
    return _tagged(field, value)


def _tagged(field: Field, value: Any) -> bytes:
    form, number = field.form, field.number
    if form in (Form.BOOL, Form.INT32, Form.INT64):
        return plain(number, int(value))
    if form is Form.DOUBLE:
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return block(number, _body(field, value))


def _body(field: Field, value: Any) -> bytes:
    form = field.form
    if form is Form.MESSAGE:
        return encoded(field.message, value)
    if form is Form.STRING:
        return value.encode()
    if form is Form.BYTES:
        return base64.b64decode(value)
    if form in (Form.TIME, Form.MICRO_TIME):
        seconds = int(timestamps.epoch(value))
        nanos = 1000 if form is Form.MICRO_TIME else 0
        return plain(1, seconds) + plain(2, nanos)
    if form is Form.DURATION:
        return plain(1, timestamps.duration_nanos(value))
    if form is Form.QUANTITY:
        return block(1, quantity.canonical(value).encode())
    if form is Form.INT_OR_STRING:
        return (
            plain(1, 1) + block(3, value.encode())
            if isinstance(value, str)
            else plain(1, 0) + plain(2, value)
        )
    if form is Form.RAW:
        return block(1, b'{"a":1}' if value else b"{}")
    return b"".join(block(1, item.encode()) for item in value)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.api_version} {row.kind}")
def test_protobuf_and_json_give_the_same_object(row: ResourceRow):
    for seed in range(6):
        obj = made(row, seed)
        check(row, obj)
        kind = block(1, block(1, row.api_version.encode()) + block(2, row.kind.encode()))
        decoded = decode_protobuf(MAGIC + kind + block(2, encoded(row.message, obj)))
        check(row, decoded)
        check(row, obj)
        assert decoded == obj
