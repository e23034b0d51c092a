"""Protobuf bodies: those that the real kubectl sent, and each JSON form by hand."""

import base64
import copy
import json
from pathlib import Path

import pytest

from control.errors import BadRequest
from control.schema.protobuf import MAGIC, decode_message, decode_protobuf
from control.schema.resource import registry
from control.schema.structure import check
from control.schema.tables import CORE, META

CAPTURED = json.loads((Path(__file__).parent / "data" / "kubectl_1_37_bodies.json").read_text())


def varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def data(tag: int, value: bytes | str) -> bytes:
    body = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(body)) + body


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    return MAGIC + data(1, data(1, api_version) + data(2, kind)) + data(2, raw)


@pytest.mark.parametrize("sent", CAPTURED, ids=lambda sent: sent["command"][:40])
def test_what_kubectl_sends_decodes_to_a_canonical_object(sent):
    obj = decode_protobuf(base64.b64decode(sent["body"]))
    row = registry().by_kind(obj["apiVersion"], obj["kind"])
    if row is None:  # TokenRequest, a subresource's body
        assert obj["kind"] == "TokenRequest"
        return
    before = copy.deepcopy(obj)
    assert check(row, obj).unknown == ()
    assert obj == before


def test_a_deployment_from_kubectl_is_what_its_command_line_says():
    body = next(sent["body"] for sent in CAPTURED if sent["command"].startswith("create deployment"))
    spec = decode_protobuf(base64.b64decode(body))["spec"]
    assert spec["replicas"] == 3
    assert spec["template"]["spec"]["containers"] == [
        {
            "name": "nginx",
            "image": "nginx:1.25",
            "command": ["sh", "-c", "sleep 1"],
            "ports": [{"containerPort": 80}],
            "resources": {},
        }
    ]


def test_pointers_keep_their_zero_and_other_optional_values_lose_it():
    raw = data(2, number(1, 0) + number(9, 0) + number(10, 0))
    spec = decode_message("k8s.io.api.apps.v1.Deployment", raw)["spec"]
    assert spec == {"replicas": 0, "progressDeadlineSeconds": 0}  # 10 is unknown here and skipped


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (number(1, 0) + number(2, 8080) + data(3, ""), 8080),
        (number(1, 1) + number(2, 0) + data(3, "http"), "http"),
        (number(1, 0) + number(2, -1) + data(3, ""), -1),
    ],
)
def test_int_or_string_is_told_apart_by_its_type(raw: bytes, value):
    port = decode_message(CORE + "ServicePort", number(3, 80) + data(4, raw))
    assert port == {"port": 80, "targetPort": value}


def test_times_are_text_and_the_zero_time_is_left_out():
    meta = decode_message(META + "ObjectMeta", data(1, "x") + data(8, b"") + data(9, number(1, 1700000000)))
    assert meta == {"name": "x", "deletionTimestamp": "2023-11-14T22:13:20Z"}


def test_a_leases_micro_time_keeps_its_microseconds():
    spec = decode_message("k8s.io.api.coordination.v1.LeaseSpec", data(4, number(1, 1) + number(2, 5000)))
    assert spec == {"renewTime": "1970-01-01T00:00:01.000005Z"}


def test_maps_of_quantities_and_of_bytes():
    limits = data(1, data(1, "cpu") + data(2, data(1, "0.5")))
    assert decode_message(CORE + "ResourceRequirements", limits) == {"limits": {"cpu": "500m"}}
    secret = decode_message(CORE + "Secret", data(2, data(1, "k") + data(2, b"\x00\xff")))
    assert secret["data"] == {"k": "AP8="}


def test_an_empty_map_value_is_kept():
    labels = data(11, data(1, "a") + data(2, ""))
    assert decode_message(META + "ObjectMeta", labels) == {"labels": {"a": ""}}


def test_inlined_messages_stand_in_their_parent():
    volume = data(1, "v") + data(2, data(2, data(1, b"")))
    assert decode_message(CORE + "Volume", volume) == {"name": "v", "emptyDir": {}}


def test_fields_v1_is_json_inside():
    entry = data(1, "me") + data(7, data(1, b'{"f:spec":{}}'))
    assert decode_message(META + "ManagedFieldsEntry", entry)["fieldsV1"] == {"f:spec": {}}


def test_repeated_numbers_and_doubles():
    context = decode_message(CORE + "PodSecurityContext", number(4, 1) + number(4, 70000))
    assert context == {"supplementalGroups": [1, 70000]}


def test_options_are_known_in_every_group():
    options = decode_protobuf(envelope("apps/v1", "DeleteOptions", number(1, 0) + data(4, "Foreground")))
    assert options["gracePeriodSeconds"] == 0
    assert options["propagationPolicy"] == "Foreground"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        envelope("v9", "Nothing", b""),
        envelope("v1", "Pod", b"\x0a\xff"),
        envelope("v1", "Pod", b"\x0b"),
    ],
)
def test_a_broken_body_is_a_bad_request(body: bytes):
    with pytest.raises(BadRequest):
        decode_protobuf(body)
