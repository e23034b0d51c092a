"""The last changes, so that a watch resumes where it broke off and a long list stays of one moment."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from control.store.contract import Compacted, Event

EVENTS_KEPT: Final = 20_000
BYTES_KEPT: Final = 64 << 20
LoadEvents = Callable[[str, int, int], list[Event]]
"""(resource, after, up to and including) → events that an earlier process wrote. Raises Compacted."""


class History:
    """Committed events by resource, bounded by count and by bytes; older ones come from disk.

    A resource's history reaches back to the last of its own events that was dropped, so that a quiet
    resource's watch resumes however busy others are.
    """

    def __init__(self, began: int, load: LoadEvents) -> None:
        self._began = began
        self._in_memory: dict[str, int] = {}
        self._load = load
        self._events: dict[str, deque[Event]] = {}
        self._order: deque[tuple[str, int]] = deque()
        self._bytes = 0

    def add(self, event: Event) -> None:
        """Remember the newest change, and forget what is beyond the bounds."""
        resource, size = event.entry.key.resource, len(event.entry.data)
        self._events.setdefault(resource, deque()).append(event)
        self._order.append((resource, size))
        self._bytes += size
        while len(self._order) > EVENTS_KEPT or self._bytes > BYTES_KEPT:
            oldest, freed = self._order.popleft()
            self._bytes -= freed
            self._in_memory[oldest] = self._events[oldest].popleft().revision

    def since(self, resource: str, revision: int) -> Sequence[Event]:
        """Changes after ``revision``, in order. Raises Compacted."""
        dropped = self._in_memory.get(resource)
        if dropped is not None and revision < dropped:
            raise Compacted(revision, dropped)
        events = list(self._events.get(resource, ()))
        if revision >= self._began:
            return events[bisect_right(events, revision, key=lambda event: event.revision) :]
        return [*self._load(resource, revision, self._began), *events]
