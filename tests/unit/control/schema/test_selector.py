"""Label selectors."""

import pytest

from control.errors import BadRequest
from control.schema.selector import LabelSelector

LABELS = {"app": "web", "tier": "front", "n": "5"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True), ("app=web", True), ("app==web", True), ("app=db", False), ("app!=db", True),
        ("missing!=x", True), ("app", True), ("!app", False), ("!missing", True), ("app in (web, db)", True),
        ("app notin (web)", False), ("missing notin (web)", True), ("app=web,tier=front", True),
        ("app=web,tier=back", False), ("n>4", True), ("n > 5", False), ("n<6", True), ("app in (a,b),tier", False),
        ("missing in ()", False), ("a.b/c!=d", True), ("app=", False), ("missing=", False),
    ],
)  # fmt: skip
def test_the_query_language(text: str, matches: bool):
    assert LabelSelector.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text",
    [
        "=web",
        "app=web,",
        "app in web",
        "app in (web",
        "app web",
        "a b=c",
        "app=we b",
        "n>x",
        "-bad=x",
        "app=!",
    ],
)
def test_nonsense_is_a_bad_request(text: str):
    with pytest.raises(BadRequest, match="unable to parse requirement"):
        LabelSelector.parse(text)


def test_the_json_form():
    selector = LabelSelector.from_json(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["front"]},
                {"key": "old", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector.matches(LABELS)
    assert not selector.matches({"app": "web"})
    assert LabelSelector.from_json({}).matches({})
    assert LabelSelector.from_json({}).everything
    assert not LabelSelector.from_json(None).matches(LABELS)
    assert not LabelSelector.from_labels({}).matches(LABELS)
    assert LabelSelector.from_labels({"app": "web"}).matches(LABELS)
