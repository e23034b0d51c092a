"""RE2's patterns."""

import pytest

from control.schema.custom.patterns import PatternInvalid, every, first, matcher


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("a$", "a\n", False),
        (r"^\d+$", "٣", False),
        (r"^\p{L}+$", "é", True),
        ("^[[:alpha:]]+$", "ab1", False),
        (r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$", "a+b", True),
        ("[$]a$", "$a", True),
        (r"\$", "$", True),
        ("^(?i)abc$", "ABC", True),
        (r"^(([0-9]+)|([.][0-9]+))([KMG]i)?$", "1Gi", True),
    ],
)
def test_patterns_mean_what_they_mean_in_go(pattern, text, found) -> None:
    assert matcher(pattern)(text) is found


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(a?){40}a{40}c", "a*a*a*a*a*c"])
def test_no_pattern_keeps_the_server_busy(pattern) -> None:
    assert not matcher(pattern)("a" * 5000 + "b")


def test_what_matches_is_told() -> None:
    assert first("b+", "abbcb") == "bb"
    assert first("x", "abbcb") is None
    assert every("é+|b", "éébaé") == ["éé", "b", "é"]


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "a++", "[z-a]", r"a\Z", "a{1001}"])
def test_what_go_refuses_is_refused(pattern) -> None:
    with pytest.raises(PatternInvalid):
        matcher(pattern)
