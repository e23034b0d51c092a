"""Defaults."""

from control.schema.custom.defaulting import compiled

SCHEMA = """
type: object
properties:
  a: {type: string, default: x}
  b: {type: object, default: {}, properties: {c: {type: integer, default: 1}}}
  d: {type: array, items: {type: object, properties: {e: {type: boolean, default: false}}}}
  f: {type: string, nullable: true, default: y}
  g: {type: object, additionalProperties: {type: object, properties: {h: {type: integer, default: 2}}}}
"""


def test_defaults_are_filled_in_at_each_level_and_objects_share_none(node) -> None:
    fill = compiled(node(SCHEMA))
    one, other = {"d": [{}], "g": {"k": {}}}, {}
    fill(one)
    fill(other)
    assert one == {"a": "x", "b": {"c": 1}, "d": [{"e": False}], "f": "y", "g": {"k": {"h": 2}}}
    assert one["b"] is not other["b"]


def test_null_is_a_value_only_where_it_may_be(node) -> None:
    obj = {"a": None, "f": None}
    compiled(node(SCHEMA))(obj)
    assert (obj["a"], obj["f"]) == ("x", None)


def test_a_schema_without_defaults_needs_no_work(node) -> None:
    assert compiled(node("{type: object, properties: {a: {type: string}}}")) is None
