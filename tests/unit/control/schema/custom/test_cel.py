"""The door to CEL."""

import pytest

from control.schema.custom.cel import CelFailed, CelInvalid, compile_rule


def test_a_rule_is_compiled_once_and_evaluated_on_plain_values() -> None:
    program = compile_rule("self.all(x, x > 1)", "list(int)")
    assert program is compile_rule("self.all(x, x > 1)", "list(int)")
    assert program.returns == "BOOL"
    assert program.evaluate({"self": [2, 3]}) is True


@pytest.mark.parametrize(
    ("rule", "kind", "words"),
    [
        ("self ==", "dyn", "Syntax error"),
        ("foo > 1", "dyn", "undeclared reference to 'foo'"),
        ("self > 1", "string", "found no matching overload for '_>_'"),
    ],
)
def test_what_does_not_compile_is_told_by_the_compiler(rule, kind, words) -> None:
    with pytest.raises(CelInvalid, match=words):
        compile_rule(rule, kind)


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ("self.a > 1", {}, "no such key: a"),
        ("self[3] == 1", [1], "index out of bounds: 3"),
        ("!self", "x", "no such overload"),
        ("quantity(self).isInteger()", "x", "quantities must match"),
    ],
)
def test_what_fails_is_told_in_upstreams_words(rule, value, words) -> None:
    with pytest.raises(CelFailed, match=words):
        compile_rule(rule).evaluate({"self": value})


def test_an_old_value_may_be_optional() -> None:
    program = compile_rule("oldSelf.hasValue() ? oldSelf.value() == self : self > 0", optional_old=True)
    assert program.evaluate({"self": 1, "oldSelf": 1, "had": False}) is True
    assert program.evaluate({"self": 1, "oldSelf": 2, "had": True}) is False
