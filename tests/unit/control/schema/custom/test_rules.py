"""CEL rules along a schema."""

from typing import Any

import pytest

from control.schema.custom.rules import check_rules, compiled


def said(node: Any, schema: str, new: Any, old: Any = None) -> list[str]:
    walk = compiled(node(schema))
    return [f"{one.cause.field}: {one.cause.message}" for one in check_rules(walk, new, old)]


LIST = """
type: object
properties:
  l:
    type: array
    {kind}
    items:
      type: object
      properties: {{n: {{type: string}}, v: {{type: integer, x-kubernetes-validations: [{{rule: self >= oldSelf, message: only up}}]}}}}
"""
KEYED = LIST.format(kind="x-kubernetes-list-type: map\n    x-kubernetes-list-map-keys: [n]")


def test_rules_stand_at_fields_items_and_map_values(node) -> None:
    schema = """
    type: object
    properties:
      s: {type: string, x-kubernetes-validations: [{rule: self != "x"}]}
      l: {type: array, items: {type: integer, x-kubernetes-validations: [{rule: self > 0}]}}
      m: {type: object, additionalProperties: {type: integer, x-kubernetes-validations: [{rule: self > 0}]}}
    """
    assert said(node, schema, {"s": "x", "l": [1, 0], "m": {"k": 0}}) == [
        's: Invalid value: "x": failed rule: self != "x"',
        "l[1]: Invalid value: 0: failed rule: self > 0",
        "m.k: Invalid value: 0: failed rule: self > 0",
    ]


def test_items_of_keyed_lists_know_what_they_were(node) -> None:
    old = {"l": [{"n": "a", "v": 5}, {"n": "b", "v": 1}]}
    assert said(node, KEYED, {"l": [{"n": "b", "v": 2}, {"n": "a", "v": 4}, {"n": "c", "v": 0}]}, old) == [
        "l[1].v: Invalid value: 4: only up"
    ]


def test_a_transition_rule_is_silent_at_creation_unless_its_old_value_is_optional(node) -> None:
    rule = "{type: integer, x-kubernetes-validations: [{rule: oldSelf < self}]}"
    assert said(node, rule, 1) == []
    optional = (
        "{type: integer, x-kubernetes-validations:"
        " [{rule: 'oldSelf.hasValue() ? oldSelf.value() < self : self == 0', optionalOldSelf: true}]}"
    )
    assert len(said(node, optional, 1)) == 1
    assert said(node, optional, 2, 1) == []


def test_what_did_not_change_is_not_judged_again(node) -> None:
    rule = "{type: integer, x-kubernetes-validations: [{rule: self > 5}]}"
    assert said(node, rule, 1, 1) == []
    assert len(said(node, rule, 1, 2)) == 1


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ("message: ' nope '", 's: Invalid value: "x": nope'),
        ("messageExpression: '\"not \" + self'", 's: Invalid value: "x": not x'),
        ("messageExpression: 'self.substring(9)', message: plain", 's: Invalid value: "x": plain'),
        ("reason: FieldValueForbidden, message: nope", "s: Forbidden: nope"),
        ("reason: FieldValueRequired, message: nope", "s: Required value: nope"),
        ("reason: FieldValueDuplicate", 's: Duplicate value: "x"'),
    ],
)
def test_messages_and_reasons(node, extra, wanted) -> None:
    schema = f"{{type: object, properties: {{s: {{type: string, x-kubernetes-validations: [{{rule: 'false', {extra}}}]}}}}}}"
    assert said(node, schema, {"s": "x"}) == [wanted]


def test_an_error_while_evaluating_is_told(node) -> None:
    schema = (
        "{type: object, x-kubernetes-validations: [{rule: self.a > 1}], properties: {a: {type: integer}}}"
    )
    assert said(node, schema, {}) == [': Invalid value: "object": no such key: a evaluating rule: self.a > 1']


def test_an_error_while_evaluating_is_told_in_the_rules_own_message(node) -> None:
    schema = "{type: object, x-kubernetes-validations: [{rule: self.a > 1, message: a is needed}], properties: {a: {type: integer}}}"
    assert said(node, schema, {}) == [
        ': Invalid value: "object": no such key: a evaluating rule: a is needed'
    ]
