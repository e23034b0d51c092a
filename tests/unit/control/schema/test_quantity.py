"""Quantities: values, order, canonical text."""

import pytest

from control.schema import quantity


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0.5", "500m"), ("1000m", "1"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("100", "100"), ("1e3", "1e3"),
        ("1500k", "1500k"), ("0", "0"), ("2000", "2k"), ("0.1n", "1n"), ("-1", "-1"), ("1000Ki", "1000Ki"),
        (1, "1"), (0.25, "250m"), ("12e6", "12e6"), ("512Ki", "512Ki"),
    ],
)  # fmt: skip
def test_the_canonical_text_is_upstreams(text, canonical: str):
    assert quantity.canonical(text) == canonical
    assert quantity.compare(text, canonical) == 0


def test_order_is_by_value_not_by_text():
    assert quantity.compare("900m", "1") == -1
    assert quantity.compare("1Gi", "1G") == 1
    assert quantity.compare("1000m", "1") == 0


def test_units_round_up():
    assert quantity.milli("0.0001") == 1
    assert quantity.milli("250m") == 250
    assert quantity.whole("1.5Ki") == 1536
    assert quantity.whole("1m") == 1
    assert [quantity.format_milli(value) for value in (1500, 2000)] == ["1500m", "2"]


@pytest.mark.parametrize("text", ["", "much", "1 Gi", "1KiB", "--1", "1.2.3", "Gi", None, []])
def test_what_is_no_quantity_is_refused(text):
    assert not quantity.is_quantity(text)
