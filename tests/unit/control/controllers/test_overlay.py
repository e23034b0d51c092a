"""Our own writes on top of a slow watch."""

import pytest

from control.controllers.overlay import Overlay


def obj(name, revision, *, uid=""):
    metadata = {"name": name, "namespace": "shop", "uid": uid or name, "resourceVersion": str(revision)}
    return {"metadata": metadata}


class Watched:
    """An informer whose events the test sends."""

    def __init__(self):
        self.items, self._calls = {}, []

    def on_change(self, call):
        self._calls.append(call)

    def tell(self, old, new):
        for each, present in ((old, False), (new, True)):
            if each:
                key = f"shop/{each['metadata']['name']}"
                self.items[key] = each
                if not present:
                    del self.items[key]
        for call in self._calls:
            call(old, new)


@pytest.fixture
def watched():
    return Watched()


@pytest.fixture
def overlay(watched):
    return Overlay(watched)


def merged(overlay, watched):
    found = overlay.merged("shop/web", list(watched.items.values()))
    return {(o["metadata"]["name"], int(o["metadata"]["resourceVersion"])) for o in found}


def test_a_write_is_there_before_its_event(overlay, watched):
    overlay.wrote("shop/web", obj("a", 5))

    assert merged(overlay, watched) == {("a", 5)}


def test_the_event_of_a_write_takes_its_place(overlay, watched):
    overlay.wrote("shop/web", obj("a", 5))
    watched.tell(None, obj("a", 5))
    watched.tell(obj("a", 5), obj("a", 9))

    assert merged(overlay, watched) == {("a", 9)}


def test_an_older_event_does_not(overlay, watched):
    watched.tell(None, obj("a", 3))
    overlay.wrote("shop/web", obj("a", 7))
    watched.tell(obj("a", 3), obj("a", 5))

    assert merged(overlay, watched) == {("a", 7)}


def test_an_answer_that_comes_after_its_event_changes_nothing(overlay, watched):
    watched.tell(None, obj("a", 5))
    overlay.wrote("shop/web", obj("a", 5))
    watched.tell(obj("a", 5), None)

    assert merged(overlay, watched) == set()


def test_what_we_deleted_is_gone_before_its_event_and_its_successor_is_not(overlay, watched):
    watched.tell(None, obj("a", 3))
    overlay.deleted("shop/web", obj("a", 3))
    assert merged(overlay, watched) == set()

    watched.tell(obj("a", 3), None)
    watched.tell(None, obj("a", 8, uid="other"))
    assert merged(overlay, watched) == {("a", 8)}


def test_after_a_failed_write_only_the_watch_counts(overlay, watched):
    watched.tell(None, obj("a", 3))
    overlay.wrote("shop/web", obj("a", 7))
    overlay.forget("shop/web")

    assert merged(overlay, watched) == {("a", 3)}
