"""What is SQLite's own: kill -9, full disks, group commit, compaction of its file."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control.store import database
from control.store.contract import Compacted, Key, WriteFailed
from control.store.sqlite import SqliteStore
from tests.unit.control.store.backends import BACKENDS, pod


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(tmp_path / "store.db") as opened:
        yield opened


async def test_the_file_keeps_no_more_events_than_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BACKENDS["sqlite"].keep(monkeypatch, 10)
    path = tmp_path / "store.db"
    async with SqliteStore(path) as store:
        for n in range(40):
            await store.create(*pod(f"p{n}"))
    rows = sqlite3.connect(path).execute("SELECT count(*) FROM events").fetchone()[0]
    assert 10 <= rows <= 16


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
