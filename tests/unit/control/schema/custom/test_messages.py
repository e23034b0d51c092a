"""Custom kinds as messages."""

from control.schema.custom.messages import define_kind
from control.schema.managed_fields import owned_fields
from control.schema.tables import has_message, message


def test_ownership_goes_as_far_down_as_the_schema_says(node) -> None:
    define_kind("custom:test.v1.Thing#1", node("""
        type: object
        properties:
          spec:
            type: object
            properties:
              keyed: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [n], items: {type: object, properties: {n: {type: string}, v: {type: integer}}}}
              set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              plain: {type: array, items: {type: string}}
              map: {type: object, additionalProperties: {type: string}}
              whole: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: string}}}
              open: {type: object, x-kubernetes-preserve-unknown-fields: true}
    """))  # fmt: skip
    assert has_message("custom:test.v1.Thing#1List")
    spec = {
        "keyed": [{"n": "a", "v": 1}], "set": ["x"], "plain": ["y"], "map": {"k": "v"}, "whole": {"a": "b"},
        "open": {"any": {"thing": 1}},
    }  # fmt: skip
    obj = {
        "apiVersion": "test/v1",
        "kind": "Thing",
        "metadata": {"name": "a", "labels": {"l": "m"}},
        "spec": spec,
    }
    assert owned_fields(message("custom:test.v1.Thing#1"), obj) == {
        "f:metadata": {"f:labels": {"f:l": {}}},
        "f:spec": {
            "f:keyed": {'k:{"n":"a"}': {".": {}, "f:n": {}, "f:v": {}}},
            "f:set": {'v:"x"': {}},
            "f:plain": {},
            "f:map": {"f:k": {}},
            "f:whole": {},
            "f:open": {"f:any": {}},
        },
    }


def test_a_kind_that_keeps_all_has_fields_for_all(node) -> None:
    define_kind("custom:test.v1.Open#1", node("{type: object, x-kubernetes-preserve-unknown-fields: true}"))
    obj = {"apiVersion": "test/v1", "kind": "Open", "metadata": {"name": "a"}, "anything": {"x": 1}}
    assert owned_fields(message("custom:test.v1.Open#1"), obj) == {"f:anything": {}}
