"""Rules for x-kubernetes-validations."""

import pytest

from control.schema.custom.validate_rules import not_evaluated, own_rules

AT = "s.x-kubernetes-validations[0]"


def said(node, rule: str, kind: str = "type: object, properties: {a: {type: string}}") -> list[str]:
    root = node(f"{{{kind}, x-kubernetes-validations: [{rule}]}}")
    return [f"{cause.field}: {cause.message}" for cause in own_rules(root, "s")]


def test_a_right_rule_passes(node) -> None:
    assert (
        said(node, "{rule: has(self.a), message: m, messageExpression: '\"x\" + self.a', fieldPath: .a}")
        == []
    )


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("{rule: ' '}", f"{AT}.rule: Required value: rule is not specified"),
        ("{rule: 'true', message: ' '}", f'{AT}.message: Invalid value: " ": must be non-empty if specified'),
        ("{rule: 'true', message: \"a\\nb\"}", f'{AT}.message: Invalid value: "a\\nb": must not contain line breaks'),
        ("{rule: \"true\\n&& true\"}", f"{AT}.message: Required value: message must be specified if rule contains line breaks"),
        ("{rule: 'true', reason: Bad}", f'{AT}.reason: Unsupported value: "Bad": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"'),
        ("{rule: 'true', fieldPath: .b}", f'{AT}.fieldPath: Invalid value: ".b": must be a valid path'),
        ("{rule: 'true', optionalOldSelf: true}", f"{AT}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"),
        ("{rule: '1'}", f'{AT}.rule: Invalid value: {{"Rule":"1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}}: cel expression must evaluate to a bool'),
        ("{rule: 'true', messageExpression: '1'}", f'{AT}.messageExpression: Invalid value: {{"Rule":"true","Message":"","MessageExpression":"1","Reason":null,"FieldPath":"","OptionalOldSelf":null}}: messageExpression must evaluate to a string'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(node, rule, wanted) -> None:
    assert said(node, rule) == [wanted]


def test_what_does_not_compile_is_told_by_the_compiler(node) -> None:
    (told,) = said(node, "{rule: 'foo > 1'}")
    assert told.startswith(
        f'{AT}.rule: Invalid value: {{"Rule":"foo > 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}}: compilation failed: ERROR: <input>:1:1: undeclared reference'
    )


def test_items_of_plain_lists_have_no_old_value(node) -> None:
    root = node("{type: array, items: {type: string, x-kubernetes-validations: [{rule: self == oldSelf}]}}")
    (told,) = own_rules(root, "s")
    assert told.message.endswith(
        "oldSelf cannot be used on the uncorrelatable portion of the schema within s"
    )


def test_a_rule_that_needs_what_we_have_not_is_taken_and_told(node) -> None:
    rule = "{rule: 'self.all(k, v, v != k)'}"
    assert said(node, rule) == []
    root = node(f"{{type: object, properties: {{f: {{type: object, x-kubernetes-validations: [{rule}]}}}}}}")
    (told,) = not_evaluated(root, "")
    assert told == 'f: rule "self.all(k, v, v != k)" is not evaluated here: CEL without all'
