"""Formats of texts and numbers."""

import pytest

from control.schema.custom.json_formats import in_range, named


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("date-time", "2026-01-02T03:04:05Z", "2026-01-02"),
        ("date", "2026-01-02", "2026-02-30"),
        ("duration", "1h30m", "soon"),
        ("byte", "YWJj", "a"),
        ("ipv4", "10.0.0.1", "::1"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("mac", "00:11:22:33:44:55", "00:11:22"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
        ("uuid4", "123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("hostname", "a.example.com", "a_b"),
        ("email", "a@example.com", "a"),
        ("uri", "https://example.com/x", "x y"),
        ("hexcolor", "#FFF", "#GGG"),
        ("k8s-short-name", "abc", "a.b"),
        ("k8s-long-name", "a.b", "A"),
    ],
)
def test_a_format_knows_its_texts(form, right, wrong) -> None:
    check = named(form)
    assert check is not None
    assert (check(right), check(wrong)) == (True, False)


def test_other_formats_say_nothing() -> None:
    assert named("quantity") is None
    assert in_range("double") is None


def test_integers_have_their_range() -> None:
    assert in_range("int32")(2**31 - 1)
    assert not in_range("int32")(2**31)
