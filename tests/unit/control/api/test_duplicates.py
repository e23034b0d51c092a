"""Fields that a body has twice."""

import orjson
import pytest

from control.api.duplicates import duplicate_fields, duplicate_keys


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b'{"a": 1, "b": {"a": ":", "c": ["x:y", {"d": 1}]}}', []),
        (b'{"a": 1, "a": 1}', ["a"]),
        (b'{"a": {"b": 1, "c": 2}, "a": {}}', ["a"]),
        (b'{"l": [{}, {"x": 1, "x": ":::", "x": 2}]}', ["l[1].x", "l[1].x"]),
        (b'{"a": "\\u003a", "a": "\\u003a", "b": 1}', ["a"]),
        (b'{"a": 1, "\\u0061": 2}', ["a"]),
        (b'{"s": "\\u003a", "t": 1}', []),
    ],
)
def test_what_stands_twice_is_named(body: bytes, paths: list[str]) -> None:
    assert duplicate_fields(body, orjson.loads(body)) == paths


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", []),
        (b"a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 1}]\n", []),
        (b"a: 1\nb: 2\na: 3\n", ['line 3: key "a" already set in map']),
        (b"l:\n- x: 1\n  'x': 2\n", ['line 3: key "x" already set in map']),
    ],
)
def test_of_yaml_the_line_is_told(body: bytes, said: list[str]) -> None:
    assert duplicate_keys(body) == said
