"""Counts that grew."""

from dataplane.observe.counters import rises


def test_only_what_grew_is_told_by_how_much():
    assert rises({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 4}) == {"b": 3, "c": 4}
