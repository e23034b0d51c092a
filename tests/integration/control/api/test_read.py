"""get, list and watch."""

import asyncio
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from control.client.client import ApiClient, WatchEvent
from control.client.resources import CONFIGMAPS, EVENTS, PODS, Resource
from control.errors import BadRequest, Expired, Invalid, Timeout
from control.store import history
from tests.integration.control.api.objects import config, pod

LIST = "/api/v1/namespaces/default/configmaps"


async def raw(client: ApiClient, path: str, **query: str) -> dict[str, Any]:
    return orjson.loads(await client.request("GET", path, query=query))


def names(obj: dict[str, Any]) -> list[str]:
    return [one["metadata"]["name"] for one in obj["items"]]


class Watch:
    """A watch whose events are taken one by one, each within five seconds."""

    def __init__(self, client: ApiClient, res: Any, **options: Any) -> None:
        self._events = client.watch(res, **options)

    async def __aenter__(self) -> "Watch":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._events.aclose()

    async def next(self) -> WatchEvent:
        return await asyncio.wait_for(anext(self._events), 5)

    async def names(self, count: int) -> list[tuple[str, str]]:
        return [
            (event.type, event.object["metadata"]["name"])
            for event in [await self.next() for _ in range(count)]
        ]


async def test_a_list_is_of_one_moment_and_in_order(client: ApiClient) -> None:
    for name in ("b", "a", "c"):
        await client.create(CONFIGMAPS, config(name), "default")

    listed = await client.list(CONFIGMAPS, "default")
    assert [one["metadata"]["name"] for one in listed.items] == ["a", "b", "c"]
    newest = max(int(one["metadata"]["resourceVersion"]) for one in listed.items)
    assert int(listed.resource_version) == newest


async def test_labels_and_fields_select(client: ApiClient) -> None:
    await client.create(CONFIGMAPS, config("a", {"tier": "web"}), "default")
    await client.create(CONFIGMAPS, config("b", {"tier": "db"}), "default")
    await client.create(PODS, pod("p", nodeName="node-1"), "default")
    await client.create(PODS, pod("q"), "default")

    assert names(await raw(client, LIST, labelSelector="tier in (web,cache)")) == ["a"]
    assert names(await raw(client, LIST, labelSelector="tier!=web")) == ["b"]
    assert names(await raw(client, LIST, fieldSelector="metadata.name=b")) == ["b"]
    assert names(await raw(client, "/api/v1/pods", fieldSelector="spec.nodeName=node-1")) == ["p"]
    assert names(await raw(client, "/api/v1/pods", fieldSelector="spec.nodeName=,status.phase=Pending")) == [
        "q"
    ]
    with pytest.raises(BadRequest, match=r'"data.x" is not a known field selector'):
        await raw(client, LIST, fieldSelector="data.x=y")


async def test_pages_show_the_moment_of_the_first(client: ApiClient) -> None:
    for number in range(7):
        await client.create(CONFIGMAPS, config(f"c{number}"), "default")
    first = await raw(client, LIST, limit="3")
    assert names(first) == ["c0", "c1", "c2"]
    assert first["metadata"]["remainingItemCount"] == 4

    await client.delete(CONFIGMAPS, "c4", "default")
    await client.create(CONFIGMAPS, config("c9"), "default")
    second = await raw(client, LIST, limit="3", **{"continue": first["metadata"]["continue"]})
    third = await raw(client, LIST, limit="3", **{"continue": second["metadata"]["continue"]})

    assert names(second) + names(third) == ["c3", "c4", "c5", "c6"]
    assert third["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in third["metadata"]


async def test_revisions_of_lists(client: ApiClient) -> None:
    made = await client.create(CONFIGMAPS, config("a"), "default")
    then = made["metadata"]["resourceVersion"]
    await client.create(CONFIGMAPS, config("b"), "default")

    assert names(await raw(client, LIST, resourceVersion=then, resourceVersionMatch="Exact")) == ["a"]
    assert names(await raw(client, LIST, resourceVersion=then, resourceVersionMatch="NotOlderThan")) == [
        "a",
        "b",
    ]
    assert names(await raw(client, LIST, resourceVersion="0")) == ["a", "b"]
    with pytest.raises(Timeout, match="Too large resource version: 999999, current: "):
        await raw(client, LIST, resourceVersion="999999")
    with pytest.raises(Invalid, match="resourceVersionMatch is forbidden unless resourceVersion is provided"):
        await raw(client, LIST, resourceVersionMatch="Exact")
    with pytest.raises(Invalid, match="sendInitialEvents is forbidden for list"):
        await raw(client, LIST, sendInitialEvents="true")
    with pytest.raises(BadRequest, match="continue key is not valid"):
        await raw(client, LIST, **{"continue": "!"})


async def test_a_watch_shows_what_happens_after_its_revision(client: ApiClient) -> None:
    start = (await client.list(CONFIGMAPS, "default")).resource_version
    made = await client.create(CONFIGMAPS, config("a", x="1"), "default")

    async with Watch(client, CONFIGMAPS, namespace="default", resource_version=start) as watch:
        added = await watch.next()
        assert (added.type, added.object) == ("ADDED", made)
        await client.patch(CONFIGMAPS, "a", "default", {"data": {"x": "2"}})
        await client.create(CONFIGMAPS, config("elsewhere"), "kube-system")
        gone = await client.delete(CONFIGMAPS, "a", "default")
        assert gone["status"] == "Success"
        assert await watch.names(2) == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_selector_turns_changes_into_coming_and_going(client: ApiClient) -> None:
    start = (await client.list(CONFIGMAPS, "default")).resource_version
    options = {"namespace": "default", "resource_version": start, "label_selector": "tier=web"}
    async with Watch(client, CONFIGMAPS, **options) as watch:
        await client.create(CONFIGMAPS, config("a", {"tier": "db"}), "default")
        await client.patch(CONFIGMAPS, "a", "default", {"metadata": {"labels": {"tier": "web"}}})
        await client.patch(CONFIGMAPS, "a", "default", {"data": {"x": "1"}})
        moved = await client.patch(CONFIGMAPS, "a", "default", {"metadata": {"labels": {"tier": "db"}}})
        await client.delete(CONFIGMAPS, "a", "default")
        await client.create(CONFIGMAPS, config("z", {"tier": "web"}), "default")
        events = [await watch.next() for _ in range(4)]

    assert [(one.type, one.object["metadata"]["name"]) for one in events] == [
        ("ADDED", "a"),
        ("MODIFIED", "a"),
        ("DELETED", "a"),
        ("ADDED", "z"),
    ]
    # As upstream: the object as it last matched, with the revision of the change that took it away.
    assert events[2].object["metadata"]["labels"] == {"tier": "web"}
    assert events[2].object["metadata"]["resourceVersion"] == moved["metadata"]["resourceVersion"]


async def test_initial_events_end_with_a_bookmark(client: ApiClient) -> None:
    await client.create(CONFIGMAPS, config("a"), "default")
    lines = await client.request(
        "GET",
        LIST,
        query={
            "watch": "true",
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": "1",
        },
    )
    events = [orjson.loads(line) for line in lines.splitlines()]

    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK", "BOOKMARK"]
    bookmark = events[1]["object"]["metadata"]
    assert bookmark["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["resourceVersion"]) >= int(events[0]["object"]["metadata"]["resourceVersion"])
    with pytest.raises(
        Invalid, match="sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    ):
        await client.request("GET", LIST, query={"watch": "true", "sendInitialEvents": "true"})


async def test_a_watch_from_a_compacted_revision_is_expired(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "EVENTS_KEPT", 5)
    made = await client.create(CONFIGMAPS, config("a"), "default")
    for number in range(9):
        await client.create(CONFIGMAPS, config(f"c{number}"), "default")

    then = made["metadata"]["resourceVersion"]
    with pytest.raises(Expired, match=rf"too old resource version: {then} \(\d+\)"):
        async with aclosing(client.watch(CONFIGMAPS, resource_version=then)) as events:
            await anext(events)


async def test_a_watch_ends_after_its_timeout(client: ApiClient) -> None:
    async def all_of_it() -> list[WatchEvent]:
        return [event async for event in client.watch(CONFIGMAPS, namespace="default", timeout_s=1)]

    events = await asyncio.wait_for(all_of_it(), 5)
    assert [event.type for event in events] == ["BOOKMARK"]


async def test_a_watch_of_less_than_no_time_ends_at_once_with_what_there_is(client: ApiClient) -> None:
    await client.create(CONFIGMAPS, config("a"), "default")
    asked = client.request("GET", LIST, query={"watch": "true", "timeoutSeconds": "-1"})
    lines = await asyncio.wait_for(asked, 5)
    assert [orjson.loads(line)["type"] for line in lines.splitlines()] == ["ADDED"]


async def test_metadata_alone(client: ApiClient, served: Any) -> None:
    await client.create(CONFIGMAPS, config("a", x="1"), "default")
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    listed = orjson.loads(await client.request("GET", LIST, accept=accept))

    assert listed["kind"] == "PartialObjectMetadataList"
    assert [set(one) for one in listed["items"]] == [{"kind", "apiVersion", "metadata"}]


async def test_events_of_both_groups_are_the_same(client: ApiClient) -> None:
    about = {"kind": "Pod", "namespace": "default", "name": "a"}
    newer = {"metadata": {"name": "a.1"}, "regarding": about, "reason": "Scheduled", "note": "on node-1"}
    newer |= {
        "type": "Normal",
        "action": "Binding",
        "reportingController": "sched",
        "reportingInstance": "s-1",
    }
    newer["eventTime"] = "2026-01-01T00:00:00.000000Z"
    group = Resource("events.k8s.io", "v1", "events")
    start = (await client.list(EVENTS, "default")).resource_version
    made = await client.create(group, newer, "default")
    assert made["regarding"] == about

    older = await client.get(EVENTS, "a.1", "default")
    assert (older["apiVersion"], older["involvedObject"], older["message"]) == ("v1", about, "on node-1")
    async with Watch(client, group, namespace="default", resource_version=start) as watch:
        assert (await watch.next()).object == made
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    assert (await raw(client, path))["items"] == [made]
    core = await raw(client, "/api/v1/namespaces/default/events", fieldSelector="involvedObject.name=a")
    assert names(core) == ["a.1"]
