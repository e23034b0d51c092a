"""The store: durable before it answers, one revision counter, history that a watch resumes from."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control.store import database, history
from control.store.contract import (
    Attributes,
    Change,
    Compacted,
    Event,
    Key,
    KeyMissing,
    KeyTaken,
    RevisionMismatch,
    WriteFailed,
)
from control.store.sqlite import SqliteStore

NOTHING = Attributes({}, {})


def pod(name: str, **labels: str) -> tuple[Key, dict[str, object], Attributes]:
    meta = {"name": name, "namespace": "shop", "labels": labels}
    return Key("/pods", "shop", name), {"metadata": meta}, Attributes(labels, {})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(tmp_path / "store.db") as opened:
        yield opened


async def test_an_acknowledged_create_is_read_back_with_its_revision(store: SqliteStore) -> None:
    entry = await store.create(*pod("cart"))

    assert store.get(Key("/pods", "shop", "cart")) is entry
    assert entry.parsed()["metadata"]["resourceVersion"] == str(entry.revision) == str(store.revision)


async def test_a_name_can_be_taken_once(store: SqliteStore) -> None:
    results = await asyncio.gather(*(store.create(*pod("cart")) for _ in range(5)), return_exceptions=True)

    assert [type(result) for result in results].count(KeyTaken) == 4


async def test_of_two_updates_from_one_revision_one_wins(store: SqliteStore) -> None:
    first = await store.create(*pod("cart"))

    results = await asyncio.gather(
        *(store.update(*pod("cart", n=str(n)), first.revision) for n in range(3)), return_exceptions=True
    )

    assert [type(result) for result in results].count(RevisionMismatch) == 2


async def test_what_is_not_there_can_be_neither_updated_nor_deleted(store: SqliteStore) -> None:
    with pytest.raises(KeyMissing):
        await store.update(*pod("cart"), 1)
    with pytest.raises(KeyMissing):
        await store.delete(*pod("cart"), 1)


async def test_revisions_rise_by_one_over_all_resources(store: SqliteStore) -> None:
    before = store.revision
    await asyncio.gather(*(store.create(*pod(f"p{n}")) for n in range(20)))
    await store.create(Key("/nodes", "", "n"), {"metadata": {}}, NOTHING)

    assert store.revision == before + 21
    assert sorted(entry.revision for entry in store.list("/pods")) == list(range(before + 1, before + 21))


async def test_listeners_hear_every_change_in_order(store: SqliteStore) -> None:
    heard: list[Event] = []
    stop = store.subscribe("/pods", heard.extend)
    made = await store.create(*pod("cart"))
    changed = await store.update(*pod("cart", tier="web"), made.revision)
    await store.delete(*pod("cart"), changed.revision)
    stop()
    await store.create(*pod("late"))

    assert [event.change for event in heard] == [Change.ADDED, Change.MODIFIED, Change.DELETED]
    assert [event.revision for event in heard] == sorted(event.revision for event in heard)
    assert heard[1].previous is made


async def test_a_list_at_an_older_revision_shows_that_moment(store: SqliteStore) -> None:
    for name in ("a", "b", "c"):
        await store.create(*pod(name))
    then = store.revision
    have = store.get(Key("/pods", "shop", "b"))
    assert have is not None
    await store.delete(*pod("b"), have.revision)
    await store.create(*pod("d"))
    other = store.get(Key("/pods", "shop", "a"))
    assert other is not None
    await store.update(*pod("a", changed="yes"), other.revision)

    past = store.list_at("/pods", "", then)

    assert [entry.key.name for entry in past] == ["a", "b", "c"]
    assert past[0].attributes.labels == {}


async def test_objects_and_history_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with SqliteStore(path) as store:
        made = await store.create(*pod("cart", tier="web"))
        await store.update(*pod("cart", tier="db"), made.revision)
        last = await store.create(*pod("shop"))
    async with SqliteStore(path) as again:
        assert again.revision == last.revision
        assert [entry.key.name for entry in again.list("/pods", "shop")] == ["cart", "shop"]
        past = again.events_since("/pods", made.revision)
        assert [(event.change, event.entry.key.name) for event in past] == [
            (Change.MODIFIED, "cart"),
            (Change.ADDED, "shop"),
        ]
        assert past[0].previous_attributes == Attributes({"tier": "web"}, {})
        newer = await again.create(*pod("new"))
        assert newer.revision == last.revision + 1


async def test_history_is_bounded_and_says_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "EVENTS_KEPT", 10)
    monkeypatch.setattr(database, "EVENTS_KEPT", 10)
    monkeypatch.setattr(database, "COMPACT_STEP", 5)
    path = tmp_path / "store.db"
    async with SqliteStore(path) as store:
        first = await store.create(*pod("p0"))
        quiet = await store.create(Key("/nodes", "", "n"), {"metadata": {}}, NOTHING)
        for n in range(1, 40):
            await store.create(*pod(f"p{n}"))
        with pytest.raises(Compacted):
            store.events_since("/pods", first.revision)
        assert len(store.events_since("/pods", store.revision - 3)) == 3
        # A quiet resource has lost none of its events after its last one.
        assert list(store.events_since("/nodes", quiet.revision)) == []
    async with SqliteStore(path) as again:
        with pytest.raises(Compacted):
            again.events_since("/pods", first.revision)
        assert len(again.events_since("/pods", again.revision - 3)) == 3
        assert list(again.events_since("/nodes", quiet.revision)) == []
    rows = sqlite3.connect(path).execute("SELECT count(*) FROM events").fetchone()[0]
    assert rows <= 16


_WRITER = """
import asyncio, sys
from pathlib import Path
from control.store.contract import Attributes, Key
from control.store.sqlite import SqliteStore

async def one(store, n):
    for turn in range(10**6):
        key = Key("/pods", "shop", f"p{n}-{turn}")
        entry = await store.create(key, {"metadata": {"name": key.name}}, Attributes({}, {}))
        print(key.name, entry.revision, flush=True)

async def main():
    async with SqliteStore(Path(sys.argv[1])) as store:
        await asyncio.gather(*(one(store, n) for n in range(16)))

asyncio.run(main())
"""


async def test_every_acknowledged_write_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    acknowledged = [await asyncio.wait_for(writer.stdout.readline(), 20) for _ in range(500)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += (await writer.stdout.read()).splitlines(keepends=True)
    await writer.wait()
    if not acknowledged[-1].endswith(b"\n"):
        acknowledged.pop()

    async with SqliteStore(path) as store:
        for line in acknowledged:
            name, revision = line.split()
            entry = store.get(Key("/pods", "shop", name.decode()))
            assert entry is not None, f"{name!r} was acknowledged and is gone"
            assert entry.revision == int(revision)
        assert store.revision >= max(int(line.split()[1]) for line in acknowledged)


async def test_many_waiting_writes_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    commit = database.Database._commit
    monkeypatch.setattr(
        database.Database,
        "_commit",
        lambda self, connection, batch: (sizes.append(len(batch)), commit(self, connection, batch))[1],
    )
    async with SqliteStore(tmp_path / "store.db") as store:
        await asyncio.gather(*(store.create(*pod(f"p{n}")) for n in range(200)))

    assert sum(sizes) == 200
    assert len(sizes) < 50


async def test_a_write_that_the_disk_refuses_is_not_seen(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.create(*pod("cart"))
    before = store.revision

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(database.Database, "_commit", full)
        with pytest.raises(Exception, match="disk is full"):
            await store.create(*pod("shop"))

    assert store.get(Key("/pods", "shop", "shop")) is None
    assert store.revision == before
    assert (await store.create(*pod("shop"))).revision > before


class _Full:
    """A connection whose disk is full at one kind of statement."""

    def __init__(self, inner: sqlite3.Connection, statement: str, times: int) -> None:
        self._inner, self._statement, self._left = inner, statement, times

    def execute(self, statement: str, *args: Any) -> object:
        if statement == self._statement and self._left:
            self._left -= 1
            raise sqlite3.OperationalError("database or disk is full")
        return self._inner.execute(statement, *args)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.mark.parametrize("statement", ["COMMIT", database._PUT])
async def test_after_a_full_disk_writes_work_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr(database, "EVENTS_KEPT", 8)
    monkeypatch.setattr(database, "COMPACT_STEP", 4)
    connect = database._connect
    made: list[object] = []

    def connected(path: Path, **how: bool) -> object:
        made.append(_Full(connect(path, **how), statement, 40) if made else connect(path, **how))
        return made[-1]

    monkeypatch.setattr(database, "_connect", connected)
    path = tmp_path / "store.db"
    async with SqliteStore(path) as store:
        for n in range(40):
            with pytest.raises(WriteFailed, match="disk is full"):
                await store.create(*pod(f"refused{n}"))
        for n in range(40):
            await store.create(*pod(f"p{n}"))
        assert len(store.list("/pods")) == 40

    rows = sqlite3.connect(path).execute("SELECT count(*) FROM events").fetchone()[0]
    assert 8 <= rows <= 12


async def test_a_listener_that_fails_is_ended_alone(store: SqliteStore) -> None:
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


async def test_history_is_whole_or_refused_while_the_writer_drops_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "EVENTS_KEPT", 2)
    monkeypatch.setattr(database, "COMPACT_STEP", 1)
    path = tmp_path / "store.db"
    async with SqliteStore(path) as store:
        revisions = [(await store.create(*pod(f"p{n}"))).revision for n in range(2)]
    async with SqliteStore(path) as store:
        reader = store._database._reader
        raced: list[bool] = []

        class Racing:
            """Another process compacts between two statements of the reader."""

            def execute(self, statement: str, *args: Any) -> object:
                answer: Any = reader.execute(statement, *args)
                if statement == database._DROPPED and not raced:
                    answer = _Row(answer.fetchone())
                    raced.append(True)
                    other = sqlite3.connect(path, isolation_level=None)
                    for compact in database._COMPACT:
                        other.execute(compact, (revisions[1],))
                    other.close()
                return answer

            def close(self) -> None:
                reader.close()

        monkeypatch.setattr(store._database, "_reader", Racing())

        assert [event.revision for event in store.events_since("/pods", 1)] == revisions
        with pytest.raises(Compacted):
            store.events_since("/pods", 1)


class _Row:
    def __init__(self, row: object) -> None:
        self._row = row

    def fetchone(self) -> object:
        return self._row
