"""Kinds of several versions."""

from control.api.views import from_stored, stored_row, to_stored
from control.schema.resource import ResourceRow, registry


def row(api_version: str, kind: str) -> ResourceRow:
    found = registry().by_kind(api_version, kind)
    assert found is not None
    return found


def test_most_kinds_are_stored_as_they_are() -> None:
    pods = row("v1", "Pod")
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {}}
    assert stored_row(pods) is pods
    assert to_stored(pods, obj) is obj
    assert from_stored(pods, obj) is obj


def test_an_event_goes_there_and_back() -> None:
    newer = row("events.k8s.io/v1", "Event")
    obj = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "a"}}
    obj |= {"regarding": {"name": "p"}, "note": "n", "deprecatedCount": 3, "reason": "r"}
    stored = to_stored(newer, obj)

    assert stored_row(newer) is row("v1", "Event")
    assert (stored["apiVersion"], stored["involvedObject"], stored["message"], stored["count"]) == (
        "v1",
        {"name": "p"},
        "n",
        3,
    )
    assert from_stored(newer, stored) == obj


def test_an_older_version_shows_the_preferred_ones_object() -> None:
    older, newer = (
        row("autoscaling/v1", "HorizontalPodAutoscaler"),
        row("autoscaling/v2", "HorizontalPodAutoscaler"),
    )
    assert stored_row(older) is newer
    assert stored_row(newer) is newer
    assert from_stored(older, {"apiVersion": "autoscaling/v2"})["apiVersion"] == "autoscaling/v1"
