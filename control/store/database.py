"""The SQLite file: its tables, what is read at start, and the thread that writes.

All writes that wait while a commit is under way go into the next one (group commit), each answered after it.
"""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from control.store.contract import Attributes, Change, Compacted, Entry, Event, Key, StoreUnusable
from control.store.history import EVENTS_KEPT

log = logging.getLogger(__name__)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS objects (
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  revision INTEGER NOT NULL, attributes BLOB NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (resource, namespace, name));
CREATE TABLE IF NOT EXISTS events (
  revision INTEGER PRIMARY KEY, change TEXT NOT NULL,
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  attributes BLOB NOT NULL, before BLOB, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS compacted (resource TEXT PRIMARY KEY, revision INTEGER NOT NULL);
"""
_PUT: Final = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)"
_DROP: Final = "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?"
_LOG: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_COMPACT: Final = (
    "INSERT INTO compacted SELECT resource, max(revision) FROM events WHERE revision <= ?1 GROUP BY resource"
    " ON CONFLICT (resource) DO UPDATE SET revision = excluded.revision",
    "DELETE FROM events WHERE revision <= ?1",
)
_DROPPED: Final = "SELECT revision FROM compacted WHERE resource = ?"
_KEPT: Final = (
    "SELECT revision, change, namespace, name, attributes, before, data FROM events"
    " WHERE revision > ? AND revision <= ? AND resource = ? ORDER BY revision"
)
COMPACT_STEP: Final = 250
"""Old events are deleted when there are so many of them."""
BATCH_MOST: Final = 500

Committed = Callable[[Sequence[Event], Exception | None], None]
"""Called in the writer's thread after each commit, with its error when it failed."""


class Database:
    """One store's file (StoreUnusable where it is none). ``open`` reads; ``start`` begins the writer; ``close`` writes what waits and ends."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path, self._durable = path, durable
        try:
            self._reader = _connect(path, durable=durable)
            self._reader.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreUnusable(f"{path}: {error}") from error
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._kept = int(self._one("SELECT count(*) FROM events"))

    def _one(self, query: str) -> int:
        return int(self._reader.execute(query).fetchone()[0])

    @property
    def revision(self) -> int:
        """Of the last change on disk."""
        of_objects = self._one("SELECT coalesce(max(revision), 0) FROM objects")
        of_events = self._one("SELECT coalesce(max(revision), 0) FROM events")
        of_dropped = self._one("SELECT coalesce(max(revision), 0) FROM compacted")
        return max(of_objects, of_events, of_dropped)

    def entries(self) -> Iterator[Entry]:
        """Every object."""
        for resource, namespace, name, revision, attributes, data in self._reader.execute(
            "SELECT * FROM objects"
        ):
            yield Entry(Key(resource, namespace, name), revision, data, Attributes.unpack(attributes))

    def events(self, resource: str, after: int, until: int) -> list[Event]:
        """Changes of a resource, in order; their previous objects as far as they are known. Raises Compacted."""
        # One transaction: the writer may drop events between the question whether it did and their reading.
        self._reader.execute("BEGIN")
        try:
            row = self._reader.execute(_DROPPED, (resource,)).fetchone()
            if row is not None and after < int(row[0]):
                raise Compacted(after, int(row[0]))
            rows = self._reader.execute(_KEPT, (after, until, resource)).fetchall()
        finally:
            self._reader.execute("COMMIT")
        events: list[Event] = []
        latest: dict[Key, Entry] = {}
        for revision, change, namespace, name, attributes, before, data in rows:
            entry = Entry(Key(resource, namespace, name), revision, data, Attributes.unpack(attributes))
            previous_attributes = Attributes.unpack(before) if before is not None else entry.attributes
            events.append(Event(Change(change), entry, latest.get(entry.key), previous_attributes))
            latest[entry.key] = entry
        return events

    def start(self, committed: Committed) -> None:
        """Begin the writing thread."""
        self._writer = threading.Thread(
            target=self._write, args=(committed,), name="store-writer", daemon=True
        )
        self._writer.start()

    def submit(self, event: Event) -> None:
        """Write this change with the next commit."""
        self._waiting.put(event)

    def close(self) -> None:
        """Write what waits, and end."""
        if self._writer is not None:
            self._waiting.put(None)
            self._writer.join()
            self._writer = None
        self._reader.close()

    def _write(self, committed: Committed) -> None:
        connection = _connect(self._path, durable=self._durable)
        going = True
        while going:
            batch: list[Event] = []
            going = self._collect(batch)
            if not batch:
                continue
            try:
                self._commit(connection, batch)
            except Exception as error:  # the writer's border: whatever it was, the callers hear of it
                log.exception("a commit of %d changes failed", len(batch))
                if connection.in_transaction:
                    connection.rollback()
                committed(batch, error)
            else:
                committed(batch, None)
        connection.close()

    def _collect(self, batch: list[Event]) -> bool:
        """Wait for a change and take all that wait; False when the store is to close."""
        event = self._waiting.get()
        while event is not None:
            batch.append(event)
            if len(batch) >= BATCH_MOST:
                return True
            try:
                event = self._waiting.get_nowait()
            except queue.Empty:
                return True
        return False

    def _commit(self, connection: sqlite3.Connection, batch: Sequence[Event]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for event in batch:
            entry = event.entry
            attributes = entry.attributes.pack()
            before = event.previous_attributes
            changed = before is not None and before != entry.attributes
            if event.change is Change.DELETED:
                connection.execute(_DROP, entry.key)
            else:
                connection.execute(_PUT, (*entry.key, entry.revision, attributes, entry.data))
            was = before.pack() if changed and before is not None else None
            connection.execute(
                _LOG, (entry.revision, event.change.value, *entry.key, attributes, was, entry.data)
            )
        kept = self._kept + len(batch)
        if kept > EVENTS_KEPT + COMPACT_STEP:
            self._compact(connection, kept - EVENTS_KEPT)
            kept = EVENTS_KEPT
        connection.execute("COMMIT")
        self._kept = kept  # not before: what was rolled back does not count

    def _compact(self, connection: sqlite3.Connection, surplus: int) -> None:
        last = connection.execute(
            "SELECT revision FROM events ORDER BY revision LIMIT 1 OFFSET ?", (surplus - 1,)
        ).fetchone()[0]
        for statement in _COMPACT:
            connection.execute(statement, (last,))


def _connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    return connection
