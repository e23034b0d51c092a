"""Structural schemas, in upstream's words."""

import pytest
import yaml

from control.schema.custom.validate_schema import schema

FIELD = "{{type: object, properties: {{f: {0}}}}}"


def said(text: str) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in schema(yaml.safe_load(text), "s")]


@pytest.mark.parametrize(
    "text",
    [
        "{type: object, x-kubernetes-preserve-unknown-fields: true}",
        FIELD.format("{x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}], pattern: a}"),
        FIELD.format("{x-kubernetes-int-or-string: true, allOf: [{anyOf: [{type: integer}, {type: string}]}, {minimum: 1}]}"),
        FIELD.format("{type: array, items: {type: string}, default: [a]}"),
        "{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {properties: {b: {maxLength: 1}}}]}",
        "{type: object, properties: {metadata: {type: object, properties: {name: {type: string, maxLength: 3}}}}}",
        FIELD.format("{type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}"),
    ],
)  # fmt: skip
def test_what_is_structural_passes(text) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{}", "s.type: Required value: must not be empty at the root"),
        ("{type: array, items: {type: string}}", 's.type: Invalid value: "array": must be object at the root'),
        ("{type: object, additionalProperties: {type: string}}", "s.additionalProperties: Forbidden: must not be used at the root"),
        ("{type: object, nullable: true}", "s.nullable: Forbidden: nullable cannot be true at the root"),
        (FIELD.format("{}"), "s.properties[f].type: Required value: must not be empty for specified object fields"),
        (FIELD.format("{type: array, items: {}}"), "s.properties[f].items.type: Required value: must not be empty for specified array items"),
        (FIELD.format("{type: array}"), "s.properties[f].items: Required value: must be specified"),
        (FIELD.format("{type: text}"), 's.properties[f].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"'),
        (FIELD.format("{type: string, pattern: '('}"), 's.properties[f].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing ): ('),
        (FIELD.format("{type: array, uniqueItems: true, items: {type: string}}"), "s.properties[f].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"),
        (FIELD.format("{type: object, properties: {a: {type: string}}, additionalProperties: {type: string}}"), "s.properties[f].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"),
        (FIELD.format("{type: string, $ref: x}"), "s.properties[f].$ref: Forbidden: $ref is not supported"),
        (FIELD.format("{type: object, x-kubernetes-preserve-unknown-fields: false}"), "s.properties[f].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"),
        (FIELD.format("{type: string, x-kubernetes-list-type: set}"), 's.properties[f].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified'),
        (FIELD.format("{type: array, x-kubernetes-list-type: map, items: {type: object}}"), "s.properties[f].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"),
        (FIELD.format("{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [n], items: {type: object, properties: {n: {type: string}}}}"), "s.properties[f].items.properties[n].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"),
        (FIELD.format("{type: string, x-kubernetes-map-type: atomic}"), 's.properties[f].type: Invalid value: "string": must be object if x-kubernetes-map-type is specified'),
        (FIELD.format("{type: object, x-kubernetes-embedded-resource: true}"), "s.properties[f].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"),
        ("{type: object, properties: {metadata: {type: object, properties: {labels: {type: object}}}}}", "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"),
        (FIELD.format("{type: string, anyOf: [{type: string}]}"), "s.properties[f].anyOf[0].type: Forbidden: must be empty to be structural"),
        ("{type: object, anyOf: [{properties: {a: {maxLength: 1}}}]}", "s.properties[a]: Required value: because it is defined in s.anyOf[0].properties[a]"),
        (FIELD.format("{type: object, properties: {a: {type: string}}, default: {b: 1}}"), 's.properties[f].default: Invalid value: {"b":1}: must not have unknown fields'),
    ],
)  # fmt: skip
def test_what_is_not_is_told(text, wanted) -> None:
    assert said(text) == [wanted]


@pytest.mark.parametrize(
    "place",
    [
        "items: 5", "items: [{type: string}]", "items: {type: string, maxLength: x}", "items: {type: 5}",
        "items: {type: object, properties: 5}", "items: {type: object, required: a}", "items: {enum: 5, type: string}",
        "items: {type: array, items: {minItems: []}}", "items: {type: string, x-kubernetes-validations: 5}",
    ],
)  # fmt: skip
def test_what_is_no_schema_at_all_is_refused_too(place) -> None:
    assert said(FIELD.format(f"{{type: array, {place}}}"))


@pytest.mark.parametrize("value", ["5", "x", "[]", "{type: 5}", "{type: object, required: {}}"])
def test_so_is_what_is_none_in_a_map(value) -> None:
    assert said(FIELD.format(f"{{type: object, additionalProperties: {value}}}"))
