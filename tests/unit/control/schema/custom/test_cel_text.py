"""CEL's functions of texts."""

import pytest

from control.schema.custom.cel import CelFailed, compile_rule


@pytest.mark.parametrize(
    "rule",
    [
        "'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']",
        "'ab'.split('') == ['a', 'b'] && 'ab'.split(',', 0) == []",
        "'aXb'.lowerAscii() == 'axb' && 'aé'.upperAscii() == 'Aé'",
        "'aaa'.replace('a', 'b') == 'bbb' && 'aaa'.replace('a', 'b', 2) == 'bba'",
        "'abcabc'.indexOf('c') == 2 && 'abcabc'.indexOf('c', 3) == 5 && 'abc'.indexOf('z') == -1",
        "'abcabc'.lastIndexOf('c') == 5 && 'abcabc'.lastIndexOf('c', 4) == 2",
        "'abc'.substring(1) == 'bc' && 'abc'.substring(0, 2) == 'ab'",
        "'abc'.charAt(1) == 'b' && ' a '.trim() == 'a' && 'abc'.reverse() == 'cba'",
        "'a1b22'.find('[0-9]+') == '1' && 'a'.find('[0-9]') == ''",
        "'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1b22'.findAll('[0-9]+', 1) == ['1']",
        "'%s is %d, %.2f and %x%%'.format(['a', 3, 1.5, 255]) == 'a is 3, 1.50 and ff%'",
        "'%s'.format([[1, true, null]]) == '[1, true, null]'",
        "strings.quote('a\"b') == '\"a\\\\\"b\"'",
        "'ab'.matches('^[a-z]+$') && 'ab'.startsWith('a') && 'ab'.contains('b')",
    ],
)
def test_texts_are_taken_apart_and_put_together(rule) -> None:
    assert compile_rule(rule).evaluate({"self": 0}) is True


@pytest.mark.parametrize("rule", ["'abc'.charAt(9) == ''", "'abc'.substring(4) == ''", "'%d'.format([]) == ''", "'%q'.format([1]) == ''", "'%.999999999f'.format([1.0]) == ''", "'a'.find('(') == ''"])  # fmt: skip
def test_what_is_out_of_range_fails(rule) -> None:
    with pytest.raises(CelFailed):
        compile_rule(rule).evaluate({"self": 0})


@pytest.mark.timeout(20)
def test_no_rule_takes_all_the_time_or_memory_there_is() -> None:
    text = "a" * 5000
    assert compile_rule("self.find('(a|a)*b') == ''").evaluate({"self": text}) is True
    assert compile_rule("self.findAll('^(a+)+$').size() == 0").evaluate({"self": text + "!"}) is True
    with pytest.raises(CelFailed, match="would be longer"):
        compile_rule("self.replace('', self).replace('', self).size() > 0").evaluate({"self": text})
