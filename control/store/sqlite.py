"""A store on one SQLite file: durable before it answers, read from memory."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from control.store.contract import (
    Attributes,
    Change,
    Entry,
    Event,
    Json,
    Key,
    KeyMissing,
    KeyTaken,
    Listener,
    RevisionMismatch,
    WriteFailed,
)
from control.store.database import Database
from control.store.history import History
from control.store.watch_cache import WatchCache


class SqliteStore:
    """The Store of one API server. An async context manager, used from one event loop.

    A revision is given when a write is handed to the writer, and becomes visible (to reads, watches and
    its own caller) when its commit is on disk, in order. Two writes to one key wait for each other.
    durable: False leaves it to the kernel when a commit reaches the disk; for a store that is thrown away.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path, self._durable = path, durable
        self._pending: dict[Key, asyncio.Future[Entry]] = {}
        self._handed_out = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._database = Database(self._path, durable=self._durable)
        revision = self._database.revision
        # Revision 0 means "any" in the API: an empty store begins at 1.
        self._handed_out = max(revision, 1)
        history = History(self._handed_out, self._database.events)
        self.cache = WatchCache(self._database.entries(), self._handed_out, history)
        self._database.start(self._committed)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._database.close)
        await asyncio.sleep(0)

    @property
    def revision(self) -> int:
        """Of the last committed write."""
        return self.cache.revision

    def get(self, key: Key) -> Entry | None:
        """The object, or None."""
        return self.cache.get(key)

    def list(self, resource: str, namespace: str = "") -> Sequence[Entry]:
        """All entries (of a namespace), by namespace and name."""
        return self.cache.list(resource, namespace)

    def list_at(self, resource: str, namespace: str, revision: int) -> Sequence[Entry]:
        """As ``list``, as it was at ``revision``. Raises Compacted."""
        return self.cache.list_at(resource, namespace, revision)

    def reindex(self, resource: str, attributes: Callable[[Entry], Attributes]) -> None:
        """Give all entries of a resource other attributes, in memory; on disk each gets its own when it is written."""
        self.cache.reindex(resource, attributes)

    def events_since(self, resource: str, revision: int) -> Sequence[Event]:
        """Changes after ``revision``, in order. Raises Compacted."""
        return self.cache.history.since(resource, revision)

    def subscribe(self, resource: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each commit's changes, in order; returns what ends it."""
        return self.cache.subscribe(resource, listener)

    async def create(self, key: Key, obj: Json, attributes: Attributes) -> Entry:
        """Store a new object, setting its resourceVersion. Raises KeyTaken, WriteFailed."""
        await self._settled(key)
        if self.cache.get(key) is not None:
            raise KeyTaken(key)
        return await self._submit(Change.ADDED, self._entry(key, obj, attributes), None)

    async def update(self, key: Key, obj: Json, attributes: Attributes, expected: int) -> Entry:
        """Replace the object of revision ``expected``. Raises KeyMissing, RevisionMismatch, WriteFailed."""
        have = await self._expected(key, expected)
        return await self._submit(Change.MODIFIED, self._entry(key, obj, attributes), have)

    async def delete(self, key: Key, obj: Json, attributes: Attributes, expected: int) -> Entry:
        """Remove it; ``obj`` is its last state for watchers. Raises as ``update``."""
        have = await self._expected(key, expected)
        return await self._submit(Change.DELETED, self._entry(key, obj, attributes), have)

    async def _expected(self, key: Key, revision: int) -> Entry:
        await self._settled(key)
        have = self.cache.get(key)
        if have is None:
            raise KeyMissing(key)
        if have.revision != revision:
            raise RevisionMismatch(key)
        return have

    async def _settled(self, key: Key) -> None:
        """Wait until no write to this key is under way; then there is none before the next await."""
        while (pending := self._pending.get(key)) is not None:
            await asyncio.wait([pending])

    def _entry(self, key: Key, obj: Json, attributes: Attributes) -> Entry:
        self._handed_out += 1
        obj["metadata"]["resourceVersion"] = str(self._handed_out)
        # orjson's result keeps the buffer that it grew in, up to twice its size: what stays for long is copied.
        data = bytes(memoryview(orjson.dumps(obj)))
        return Entry(key, self._handed_out, data, attributes)

    async def _submit(self, change: Change, entry: Entry, have: Entry | None) -> Entry:
        done: asyncio.Future[Entry] = self._loop.create_future()
        self._pending[entry.key] = done
        self._database.submit(Event(change, entry, have, have.attributes if have is not None else None))
        # A caller that goes away does not undo the write: the future stays with _committed.
        return await asyncio.shield(done)

    def _committed(self, batch: Sequence[Event], error: Exception | None) -> None:
        """In the writer's thread."""
        self._loop.call_soon_threadsafe(self._apply, batch, error)

    def _apply(self, batch: Sequence[Event], error: Exception | None) -> None:
        try:
            if error is None:
                self.cache.apply(batch)
        finally:
            # Whatever happens to those who listen: what is on disk is answered.
            for event in batch:
                done = self._pending.pop(event.entry.key)
                if error is None:
                    done.set_result(event.entry)
                else:
                    done.set_exception(WriteFailed(_words(error)))


def _words(error: Exception) -> str:
    return f"the store refused the write: {error}" if isinstance(error, sqlite3.Error) else str(error)
