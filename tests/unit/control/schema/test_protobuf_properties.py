"""The protobuf decoder on bytes that nobody meant: refused or decoded to something storable, never a crash."""

import base64
import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.errors import BadRequest
from control.schema.protobuf import MAGIC, decode_protobuf
from control.schema.resource import registry
from control.schema.structure import check

CAPTURED = [
    base64.b64decode(sent["body"])
    for sent in json.loads((Path(__file__).parent / "data" / "kubectl_1_37_bodies.json").read_text())
]
KINDS = [(row.api_version, row.kind) for row in registry().rows if row.message]


def decoded(body: bytes) -> None:
    """As the API takes a body: decoded, checked, written. BadRequest is all that may be said."""
    try:
        obj = decode_protobuf(body)
        row = registry().by_kind(obj["apiVersion"], obj["kind"])
        if row is not None:
            obj.setdefault("metadata", {})
            check(row, obj)
    except BadRequest:
        return
    assert orjson.loads(orjson.dumps(obj)) == obj


def piece(tag: int, value: bytes) -> bytes:
    size, length = len(value), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([tag << 3 | 2, *length, size]) + value


@given(st.binary(max_size=300))
def test_random_bytes(tail: bytes) -> None:
    decoded(MAGIC + tail)


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_a_good_envelope_around_random_bytes(kind: tuple[str, str], raw: bytes) -> None:
    about = piece(1, kind[0].encode()) + piece(2, kind[1].encode())
    decoded(MAGIC + piece(1, about) + piece(2, raw))


@settings(max_examples=400)
@given(st.data())
def test_real_bodies_with_bytes_changed_put_in_and_cut_off(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(CAPTURED)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(len(MAGIC), len(body)))
        match data.draw(st.sampled_from(["change", "insert", "cut"])):
            case "change" if at < len(body):
                body[at] = data.draw(st.integers(0, 255))
            case "insert":
                body[at:at] = data.draw(st.binary(min_size=1, max_size=4))
            case _:
                del body[at : at + data.draw(st.integers(1, 8))]
    decoded(bytes(body))


@pytest.mark.parametrize("body", CAPTURED, ids=range(len(CAPTURED)))
def test_every_beginning_of_a_real_body(body: bytes) -> None:
    for end in range(len(MAGIC), len(body)):
        decoded(body[:end])
