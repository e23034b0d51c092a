"""Who keeps, adopts and lets go of what."""

import pytest

from control.controllers.ownership import claim
from control.schema.selector import LabelSelector


def obj(name, *, app="web", owner="", deleted=False):
    metadata = {"name": name, "labels": {"app": app}}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner, "controller": True}]
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata}


def names(objects):
    return [o["metadata"]["name"] for o in objects]


@pytest.mark.parametrize(
    ("thing", "want"),
    [
        (obj("own", owner="me"), (["own"], [], [])),
        (obj("stray", owner="me", app="other"), ([], [], ["stray"])),
        (obj("orphan"), ([], ["orphan"], [])),
        (obj("dying", deleted=True), ([], [], [])),
        (obj("foreign", owner="another"), ([], [], [])),
        (obj("unrelated", app="other"), ([], [], [])),
    ],
)
def test_selector_and_owner_decide(thing, want):
    selector = LabelSelector.from_json({"matchLabels": {"app": "web"}})
    got = claim({"metadata": {"uid": "me"}}, selector, [thing])

    assert (names(got.owned), names(got.adopt), names(got.release)) == want


def test_an_owner_that_is_being_deleted_neither_adopts_nor_releases():
    selector = LabelSelector.from_json({"matchLabels": {"app": "web"}})
    owner = {"metadata": {"uid": "me", "deletionTimestamp": "2026-01-01T00:00:00Z"}}

    got = claim(owner, selector, [obj("own", owner="me"), obj("stray", owner="me", app="x"), obj("orphan")])

    assert (names(got.owned), got.adopt, got.release) == (["own"], [], [])
