"""Values against a schema: what the API's own tests do not show."""

import pytest
import yaml

from control.schema.custom.values import compiled


def said(schema: str, value: object) -> list[str]:
    found = []
    compiled(yaml.safe_load(schema))(value, (None, "x"), found)
    return [f"{fault.cause.field}: {fault.cause.message}" for fault in found]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("{type: integer}", 1.0),
        ("{type: number}", 1),
        ("{type: string, nullable: true}", None),
        ("{x-kubernetes-preserve-unknown-fields: true}", [1, {"a": None}]),
        ("{x-kubernetes-int-or-string: true}", "25%"),
        ("{type: string, format: unheard-of}", "x"),
        ("{type: number, multipleOf: 0.1}", 0.3),
        ("{type: object, oneOf: [{required: [a]}, {required: [b]}]}", {"a": 1}),
        ("{type: object, additionalProperties: {type: string}}", {"a": "b"}),
        ("{type: string, maxLength: 1}", "é"),
    ],
)
def test_what_is_right_passes(schema, value) -> None:
    assert said(schema, value) == []


@pytest.mark.parametrize(
    ("schema", "value", "wanted"),
    [
        ("{type: integer}", 1.5, 'Invalid value: "number": x in body must be of type integer: "number"'),
        ("{type: boolean}", 1, 'Invalid value: "integer": x in body must be of type boolean: "integer"'),
        ("{type: number, minimum: 0.5, exclusiveMinimum: true}", 0.5, "Invalid value: 0.5: x in body should be greater than 0.5"),
        ("{type: number, maximum: 2, exclusiveMaximum: true}", 2, "Invalid value: 2: x in body should be less than 2"),
        ("{type: integer, multipleOf: 3}", 4, "Invalid value: 4: x in body should be a multiple of 3"),
        ("{type: string, minLength: 2}", "a", 'Invalid value: "a": x in body should be at least 2 chars long'),
        ("{type: array, minItems: 1, items: {type: string}}", [], "Invalid value: 0: x in body should have at least 1 items"),
        ("{type: object, minProperties: 1}", {}, "Invalid value: 0: x in body should have at least 1 properties"),
        ("{type: object, maxProperties: 1}", {"a": 1, "b": 1}, "Too many: 2: must have at most 1 item"),
        ("{type: integer, enum: [1, 2]}", 3, 'Unsupported value: 3: supported values: "1", "2"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(schema, value, wanted) -> None:
    assert said(schema, value) == [f"x: {wanted}"]


def test_a_number_beyond_its_format_is_told_of_no_field() -> None:
    told = 'Invalid value: "": Checked value must be of type integer with format int32 in x'
    assert said("{type: integer, format: int32}", 1 << 40) == [f"<nil>: {told}"]


def test_combinations_tell_of_no_field_as_upstream() -> None:
    one_of = "{type: object, oneOf: [{required: [a]}, {required: [b]}]}"
    told = '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid'
    assert said(one_of, {})[0] == told
    both = '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives'
    assert said(one_of, {"a": 1, "b": 1}) == [both]
    any_of = said("{type: object, anyOf: [{required: [a]}, {required: [b]}]}", {})
    assert any_of[0] == '<nil>: Invalid value: "": "x" must validate at least one schema (anyOf)'
    refused = said("{type: string, not: {pattern: a}}", "a")
    assert refused == ['<nil>: Invalid value: "": "x" must not validate the schema (not)']
    assert said("{type: string, allOf: [{pattern: a}, {maxLength: 3}]}", "bbb") == [
        "x: Invalid value: \"bbb\": x in body should match 'a'"
    ]


def test_a_format_counts_where_no_type_is_said() -> None:
    address = "{type: string, anyOf: [{format: ipv4}, {format: ipv6}]}"
    assert said(address, "10.0.0.1") == said(address, "::1") == []
    assert 'x: Invalid value: "1.2.3.4:80": x in body must be of type ipv4: "1.2.3.4:80"' in said(
        address, "1.2.3.4:80"
    )


def test_of_alternatives_that_all_fail_the_one_that_says_most_is_told() -> None:
    address = """{type: object, properties: {t: {type: string}, v: {type: string}}, oneOf: [
      {properties: {t: {enum: [ip]}, v: {anyOf: [{format: ipv4}, {format: ipv6}]}}},
      {properties: {t: {not: {enum: [ip]}}}}]}"""
    assert said(address, {"t": "ip", "v": "x"}) == [
        '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
        '<nil>: Invalid value: "": "x.v" must validate at least one schema (anyOf)',
        'x.v: Invalid value: "x": x.v in body must be of type ipv4: "x"',
    ]
