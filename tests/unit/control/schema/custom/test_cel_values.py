"""JSON values as CEL sees them."""

import pytest

from control.schema.custom.cel_values import cel_type, converter, escaped


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ("{type: string}", "string"),
        ("{type: string, nullable: true}", "dyn"),
        ("{type: array, items: {type: integer}}", "list(int)"),
        ("{type: object, additionalProperties: {type: number}}", "map(string,double)"),
        ("{type: object, properties: {a: {type: string}}}", "dyn"),
        ("{x-kubernetes-int-or-string: true}", "dyn"),
        ("{type: string, format: byte}", "bytes"),
    ],
)
def test_types_are_declared_where_values_have_one(node, schema, kind) -> None:
    assert cel_type(node(schema)) == kind


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("a", "a"), ("a-b", "a__dash__b"), ("a.b/c", "a__dot__b__slash__c"), ("namespace", "__namespace__"), ("a__b", "a__underscores__b")],
)  # fmt: skip
def test_names_that_cel_can_not_spell_are_escaped(name, spelled) -> None:
    assert escaped(name) == spelled


def test_values_are_converted_only_where_they_need_it(node) -> None:
    assert converter(node("{type: object, properties: {a: {type: integer}}}")) is None
    convert = converter(
        node("{type: object, properties: {a-b: {type: number}, l: {type: array, items: {type: number}}}}")
    )
    assert convert({"a-b": 1, "l": [2], "other": 3}) == {"a__dash__b": 1.0, "l": [2.0], "other": 3}
    assert converter(node("{type: string, format: byte}"))("YWJj") == b"abc"
