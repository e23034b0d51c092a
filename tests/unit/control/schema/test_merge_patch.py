"""JSON merge patch: RFC 7386's own examples."""

import pytest

from control.errors import BadRequest
from control.schema import merge_patch


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc(target, patch, result):
    assert merge_patch.apply(target, patch) == result


def test_neither_side_is_changed_and_what_is_unchanged_is_shared():
    target = {"a": {"x": 1}, "b": {"y": 1}}
    result = merge_patch.apply(target, {"a": {"x": 2}})
    assert target == {"a": {"x": 1}, "b": {"y": 1}}
    assert result["b"] is target["b"]


def test_a_list_is_no_merge_patch():
    with pytest.raises(BadRequest):
        merge_patch.apply({}, [])
