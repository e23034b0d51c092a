"""What a store promises, and its values.

StoreError
├ KeyTaken            create of a key that is there
├ KeyMissing          update or delete of a key that is not there
├ RevisionMismatch    the object changed since it was read
├ Compacted           the revision is older than what the history holds
└ WriteFailed         the disk refused; nothing was written
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

import orjson

Json = dict[str, Any]


class StoreError(Exception):
    """Base of what a store raises."""


class KeyTaken(StoreError):
    """An object of that key is there."""


class KeyMissing(StoreError):
    """No object of that key."""


class RevisionMismatch(StoreError):
    """The object's revision is not the expected one."""


class WriteFailed(StoreError):
    """The write could not be made durable."""


class StoreUnusable(StoreError):
    """The store can't be opened: its file is none of ours, or there is no room."""


class Compacted(StoreError):
    """History starts after ``revision``: a watch or list can't go back there."""

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {revision} ({oldest})")
        self.revision, self.oldest = revision, oldest


class Key(NamedTuple):
    """Where an object stands; ``resource`` is ``group/plural``, ``namespace`` empty for cluster-wide ones."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Attributes:
    """What selectors may ask of an object, so that its bytes need not be parsed."""

    labels: Mapping[str, str]
    fields: Mapping[str, str]

    def pack(self) -> bytes:
        """As the store keeps them."""
        return orjson.dumps([self.labels, self.fields])

    @staticmethod
    def unpack(packed: bytes) -> "Attributes":
        """The reverse of ``pack``."""
        labels, fields = orjson.loads(packed)
        return Attributes(labels or _NONE, fields or _NONE)


_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as stored: its JSON as bytes (resourceVersion included) and what selectors need."""

    key: Key
    revision: int
    data: bytes
    attributes: Attributes

    def parsed(self) -> Json:
        """A fresh copy that the caller may change."""
        value: Json = orjson.loads(self.data)
        return value


class Change(Enum):
    """What happened; the value is the watch's word."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(slots=True)
class Event:
    """One committed change.

    entry: the object after it (of a deletion: its last state, with the deletion's revision).
    previous: the entry before; None for ADDED, or where only ``previous_attributes`` are known (a restart).
    """

    change: Change
    entry: Entry
    previous: Entry | None = None
    previous_attributes: Attributes | None = None
    _lines: dict[Change, bytes] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        """The store's revision of this change."""
        return self.entry.revision

    def line(self, as_change: Change) -> bytes:
        """The watch's line of JSON, made once for all watchers.

        as_change: differs from ``change`` where a selector sees the object come or go; one that goes is shown
        as it last matched, with this event's revision.
        """
        line = self._lines.get(as_change)
        if line is None:
            data = self.entry.data
            if (
                as_change is Change.DELETED
                and self.change is not Change.DELETED
                and self.previous is not None
            ):
                data = self._last_matching(self.previous)
            line = b'{"type":"%b","object":%b}\n' % (as_change.value.encode(), data)
            self._lines[as_change] = line
        return line

    def forget_lines(self) -> None:
        """All watchers have theirs: history keeps the object, not its lines too."""
        self._lines.clear()

    def _last_matching(self, previous: Entry) -> bytes:
        obj = previous.parsed()
        obj["metadata"]["resourceVersion"] = str(self.revision)
        return orjson.dumps(obj)


Listener = Callable[[Sequence[Event]], None]


class Store(Protocol):
    """Objects under keys, with one revision counter.

    Reads are of committed state; writes answer when durable.
    """

    @property
    def revision(self) -> int:
        """Of the last committed write."""
        ...

    def get(self, key: Key) -> Entry | None:
        """The object, or None."""
        ...

    def list(self, resource: str, namespace: str = "") -> Sequence[Entry]:
        """All entries (of a namespace), by namespace and name, as of ``revision``."""
        ...

    def list_at(self, resource: str, namespace: str, revision: int) -> Sequence[Entry]:
        """As ``list``, as it was at ``revision``. Raises Compacted."""
        ...

    def reindex(self, resource: str, attributes: Callable[[Entry], Attributes]) -> None:
        """Give all entries of a resource other attributes: what selectors may ask has changed. No event."""
        ...

    async def create(self, key: Key, obj: Json, attributes: Attributes) -> Entry:
        """Store a new object, setting its resourceVersion. Raises KeyTaken, WriteFailed."""
        ...

    async def update(self, key: Key, obj: Json, attributes: Attributes, expected: int) -> Entry:
        """Replace the object of revision ``expected``. Raises KeyMissing, RevisionMismatch, WriteFailed."""
        ...

    async def delete(self, key: Key, obj: Json, attributes: Attributes, expected: int) -> Entry:
        """Remove it; ``obj`` is its last state for watchers. Raises as ``update``."""
        ...

    def events_since(self, resource: str, revision: int) -> Sequence[Event]:
        """Changes after ``revision``, in order. Raises Compacted."""
        ...

    def subscribe(self, resource: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each commit's changes, in order; returns what ends it. One that raises is ended."""
        ...
