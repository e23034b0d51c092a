"""Pruning."""

import pytest

from control.schema.custom.pruning import Pruner

SCHEMA = """
type: object
properties:
  spec:
    type: object
    properties:
      known: {type: string}
      list: {type: array, items: {type: object, properties: {x: {type: string}}}}
      map: {type: object, additionalProperties: {type: object, properties: {x: {type: string}}}}
      open: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {in: {type: object, properties: {x: {type: string}}}}}
      either: {x-kubernetes-int-or-string: true}
      object: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}
"""
KNOWN = {
    "apiVersion": "v1",
    "kind": "X",
    "metadata": {"name": "a"},
    "spec": {
        "known": "x",
        "list": [{"x": "1"}],
        "map": {"any": {"x": "1"}},
        "open": {"y": {"z": 1}, "in": {"x": "1"}},
        "either": 1,
        "object": {"apiVersion": "v1", "kind": "Y", "metadata": {"name": "b"}, "spec": {}},
    },
}


def test_what_is_known_stays(node) -> None:
    obj = {**KNOWN}
    assert Pruner(node(SCHEMA)).prune(obj) == []
    assert obj == KNOWN


@pytest.mark.parametrize(
    ("spec", "left", "paths"),
    [
        ({"y": 1}, {}, ["spec.y"]),
        ({"list": [{"x": "1"}, {"y": 1}]}, {"list": [{"x": "1"}, {}]}, ["spec.list[1].y"]),
        ({"map": {"any": {"y": 1}}}, {"map": {"any": {}}}, ["spec.map.any.y"]),
        ({"open": {"y": 1, "in": {"y": 1}}}, {"open": {"y": 1, "in": {}}}, ["spec.open.in.y"]),
        (
            {"object": {"kind": "Y", "y": 1, "metadata": {"name": "b", "y": 1}}},
            {"object": {"kind": "Y", "metadata": {"name": "b"}}},
            ["spec.object.y", "spec.object.metadata.y"],
        ),
    ],
)
def test_what_is_not_goes_and_is_told(node, spec, left, paths) -> None:
    obj = {"spec": spec}
    assert Pruner(node(SCHEMA)).prune(obj) == paths
    assert obj == {"spec": left}


def test_nulls_that_are_no_values_are_dropped_untold(node) -> None:
    schema = """{type: object, properties: {s: {type: object, properties: {
      plain: {type: string}, filled: {type: string, default: x}, may: {type: string, nullable: true},
      map: {type: object, additionalProperties: {type: string}}, list: {type: array, items: {type: string}},
      open: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}}"""
    obj = {"s": dict.fromkeys(("plain", "filled", "may", "list"))}
    obj["s"] |= {"map": {"a": None, "b": "c"}, "open": {"y": None}}
    assert Pruner(node(schema)).prune(obj) == []
    assert obj == {"s": {"filled": None, "may": None, "map": {"b": "c"}, "open": {"y": None}}}
    only = {"s": {"map": {"a": None}}}
    assert Pruner(node(schema)).prune(only) == []
    assert only == {"s": {"map": {}}}
