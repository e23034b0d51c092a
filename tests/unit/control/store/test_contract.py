"""What every store promises, asked of each of ``BACKENDS``."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.store.contract import (
    Attributes,
    Change,
    Compacted,
    Event,
    Key,
    KeyMissing,
    KeyTaken,
    RevisionMismatch,
    Store,
)
from tests.unit.control.store.backends import BACKENDS, NOTHING, Backend, pod


@pytest.fixture(params=BACKENDS.values(), ids=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    chosen: Backend = request.param
    return chosen


@pytest.fixture
async def store(backend: Backend, tmp_path: Path) -> AsyncIterator[Store]:
    async with backend.open(tmp_path) as opened:
        yield opened


async def revision_of(store: Store, name: str) -> int:
    entry = store.get(Key("/pods", "shop", name))
    assert entry is not None
    return entry.revision


async def test_an_acknowledged_create_is_read_back_with_its_revision(store: Store) -> None:
    entry = await store.create(*pod("cart"))

    assert store.get(Key("/pods", "shop", "cart")) == entry
    assert entry.parsed()["metadata"]["resourceVersion"] == str(entry.revision) == str(store.revision)


async def test_a_name_can_be_taken_once(store: Store) -> None:
    results = await asyncio.gather(*(store.create(*pod("cart")) for _ in range(5)), return_exceptions=True)

    assert [type(result) for result in results].count(KeyTaken) == 4


async def test_of_two_updates_from_one_revision_one_wins(store: Store) -> None:
    first = await store.create(*pod("cart"))

    results = await asyncio.gather(
        *(store.update(*pod("cart", n=str(n)), first.revision) for n in range(3)), return_exceptions=True
    )

    assert [type(result) for result in results].count(RevisionMismatch) == 2


async def test_what_is_not_there_can_be_neither_updated_nor_deleted(store: Store) -> None:
    with pytest.raises(KeyMissing):
        await store.update(*pod("cart"), 1)
    with pytest.raises(KeyMissing):
        await store.delete(*pod("cart"), 1)


async def test_revisions_rise_by_one_over_all_resources(store: Store) -> None:
    before = store.revision
    await asyncio.gather(*(store.create(*pod(f"p{n}")) for n in range(20)))
    await store.create(Key("/nodes", "", "n"), {"metadata": {}}, NOTHING)

    assert store.revision == before + 21
    assert sorted(entry.revision for entry in store.list("/pods")) == list(range(before + 1, before + 21))


async def test_listeners_hear_every_change_in_order(store: Store) -> None:
    heard: list[Event] = []
    stop = store.subscribe("/pods", heard.extend)
    made = await store.create(*pod("cart"))
    changed = await store.update(*pod("cart", tier="web"), made.revision)
    await store.delete(*pod("cart"), changed.revision)
    stop()
    await store.create(*pod("late"))

    assert [event.change for event in heard] == [Change.ADDED, Change.MODIFIED, Change.DELETED]
    assert [event.revision for event in heard] == sorted(event.revision for event in heard)
    assert heard[1].previous == made


async def test_a_list_at_an_older_revision_shows_that_moment(store: Store) -> None:
    for name in ("a", "b", "c"):
        await store.create(*pod(name))
    then = store.revision
    await store.delete(*pod("b"), await revision_of(store, "b"))
    await store.create(*pod("d"))
    await store.update(*pod("a", changed="yes"), await revision_of(store, "a"))

    past = store.list_at("/pods", "", then)

    assert [entry.key.name for entry in past] == ["a", "b", "c"]
    assert past[0].attributes.labels == {}


async def test_a_listener_that_fails_is_ended_alone(store: Store) -> None:
    heard: list[Event] = []
    calls: list[int] = []

    def failing(events: object) -> None:
        calls.append(1)
        raise TypeError("no line can be made")

    store.subscribe("/pods", failing)
    store.subscribe("/pods", heard.extend)

    async with asyncio.timeout(5):
        await asyncio.gather(*(store.create(*pod(f"p{n}")) for n in range(3)))
        await store.create(*pod("later"))

    assert len(heard) == 4
    assert len(calls) == 1


async def test_a_list_is_of_its_resource_and_namespace_in_order(store: Store) -> None:
    for namespace, name in (("shop", "b"), ("bank", "z"), ("shop", "a")):
        await store.create(Key("/pods", namespace, name), {"metadata": {}}, NOTHING)
    await store.create(Key("/podtemplates", "shop", "c"), {"metadata": {}}, NOTHING)

    assert [entry.key[1:] for entry in store.list("/pods")] == [("bank", "z"), ("shop", "a"), ("shop", "b")]
    assert [entry.key.name for entry in store.list("/pods", "shop")] == ["a", "b"]
    assert list(store.list("/pods", "none")) == []


async def test_a_failed_write_uses_no_revision_and_tells_nobody(store: Store) -> None:
    await store.create(*pod("cart"))
    before, heard = store.revision, list[Event]()
    store.subscribe("/pods", heard.extend)

    with pytest.raises(KeyTaken):
        await store.create(*pod("cart"))
    with pytest.raises(RevisionMismatch):
        await store.update(*pod("cart"), before + 7)
    with pytest.raises(RevisionMismatch):
        await store.delete(*pod("cart"), before + 7)
    await store.create(*pod("next"))

    assert [event.entry.key.name for event in heard] == ["next"]
    assert store.revision == before + 1


async def test_a_deletion_has_a_revision_and_the_last_state(store: Store) -> None:
    made = await store.create(*pod("cart", tier="web"))
    key, obj, attributes = pod("cart", tier="gone")
    gone = await store.delete(key, obj, attributes, made.revision)

    assert store.get(key) is None
    assert gone.revision == store.revision == made.revision + 1
    assert gone.parsed()["metadata"]["resourceVersion"] == str(gone.revision)
    [event] = store.events_since("/pods", made.revision)
    assert (event.change, event.entry.attributes.labels) == (Change.DELETED, {"tier": "gone"})


async def test_events_since_are_those_that_listeners_heard(store: Store) -> None:
    start, heard = store.revision, list[Event]()
    store.subscribe("/pods", heard.extend)
    await asyncio.gather(*(store.create(*pod(f"p{n}")) for n in range(9)))
    await store.create(Key("/nodes", "", "n"), {"metadata": {}}, NOTHING)
    await store.update(*pod("p3", tier="web"), await revision_of(store, "p3"))

    assert list(store.events_since("/pods", start)) == heard
    assert list(store.events_since("/pods", heard[4].revision)) == heard[5:]
    assert list(store.events_since("/pods", store.revision)) == []


async def test_what_a_reader_changes_is_not_the_stores(store: Store) -> None:
    key, obj, attributes = pod("cart")
    entry = await store.create(key, obj, attributes)
    entry.parsed()["metadata"]["name"] = "other"

    have = store.get(key)
    assert have is not None
    assert have.parsed()["metadata"]["name"] == "cart"


async def test_new_attributes_are_no_event(store: Store) -> None:
    made = await store.create(*pod("cart"))
    await store.create(Key("/nodes", "", "n"), {"metadata": {}}, NOTHING)
    before, heard = store.revision, list[Event]()
    store.subscribe("/pods", heard.extend)

    store.reindex("/pods", lambda entry: Attributes({}, {"spec.color": entry.key.name}))

    [entry] = store.list("/pods")
    assert entry.attributes.fields == {"spec.color": "cart"}
    assert entry.revision == made.revision
    assert store.list("/nodes")[0].attributes.fields == {}
    assert (store.revision, heard) == (before, [])


async def test_objects_and_history_survive_a_restart(backend: Backend, tmp_path: Path) -> None:
    async with backend.open(tmp_path) as store:
        made = await store.create(*pod("cart", tier="web"))
        await store.update(*pod("cart", tier="db"), made.revision)
        last = await store.create(*pod("shop"))
    async with backend.open(tmp_path) as again:
        assert again.revision == last.revision
        assert [entry.key.name for entry in again.list("/pods", "shop")] == ["cart", "shop"]
        past = again.events_since("/pods", made.revision)
        assert [(event.change, event.entry.key.name) for event in past] == [
            (Change.MODIFIED, "cart"),
            (Change.ADDED, "shop"),
        ]
        assert past[0].previous_attributes == Attributes({"tier": "web"}, {})
        assert (await again.create(*pod("new"))).revision == last.revision + 1


async def test_what_history_no_longer_holds_is_refused(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.keep(monkeypatch, 10)
    async with backend.open(tmp_path) as store:
        first = await store.create(*pod("p0"))
        quiet = await store.create(Key("/nodes", "", "n"), {"metadata": {}}, NOTHING)
        for n in range(1, 40):
            await store.create(*pod(f"p{n}"))
        _history_is_short(store, first.revision, quiet.revision)
        with pytest.raises(Compacted):
            store.list_at("/pods", "", first.revision)
    async with backend.open(tmp_path) as again:
        _history_is_short(again, first.revision, quiet.revision)


def _history_is_short(store: Store, first: int, quiet: int) -> None:
    with pytest.raises(Compacted):
        store.events_since("/pods", first)
    assert len(store.events_since("/pods", store.revision - 3)) == 3
    # A quiet resource has lost none of its events after its last one.
    assert list(store.events_since("/nodes", quiet)) == []
