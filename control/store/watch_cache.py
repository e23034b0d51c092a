"""All objects in memory, as bytes, with those who watch them: what every read is answered from."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from control.store.contract import Attributes, Change, Compacted, Entry, Event, Key, Listener
from control.store.history import History

log = logging.getLogger(__name__)

_Table = dict[str, dict[str, Entry]]


class WatchCache:
    """The committed state: entries by resource, namespace and name; history; listeners by resource."""

    def __init__(self, entries: Iterable[Entry], revision: int, history: History) -> None:
        self.revision = revision
        self.history = history
        self._tables: dict[str, _Table] = {}
        self._listeners: dict[str, dict[object, Listener]] = {}
        for entry in entries:
            self._put(entry)

    def get(self, key: Key) -> Entry | None:
        """The object, or None."""
        return self._tables.get(key.resource, {}).get(key.namespace, {}).get(key.name)

    def list(self, resource: str, namespace: str = "") -> Sequence[Entry]:
        """Entries by namespace and name."""
        return _ordered(self._tables.get(resource, {}), namespace)

    def count(self, resource: str) -> int:
        """How many objects the resource has."""
        return sum(map(len, self._tables.get(resource, {}).values()))

    def resources(self) -> Sequence[str]:
        """Resources that have objects or had them."""
        return sorted(self._tables)

    def list_at(self, resource: str, namespace: str, revision: int) -> Sequence[Entry]:
        """Entries as they were at ``revision``: the present, less what happened since. Raises Compacted."""
        later = self.history.since(resource, revision) if revision < self.revision else ()
        if not later:
            return self.list(resource, namespace)
        table: _Table = {name: dict(group) for name, group in self._tables.get(resource, {}).items()}
        for event in reversed(later):
            key = event.entry.key
            if event.change is Change.ADDED:
                table.get(key.namespace, {}).pop(key.name, None)
            elif event.previous is not None:
                table.setdefault(key.namespace, {})[key.name] = event.previous
            else:
                raise Compacted(revision, event.revision)
        return _ordered(table, namespace)

    def apply(self, events: Sequence[Event]) -> None:
        """Take over one commit's changes, in order, and tell the listeners."""
        told: dict[str, list[Event]] = {}
        for event in events:
            key = event.entry.key
            if event.change is Change.DELETED:
                self._tables[key.resource][key.namespace].pop(key.name, None)
            else:
                self._put(event.entry)
            self.history.add(event)
            told.setdefault(key.resource, []).append(event)
        if events:
            self.revision = events[-1].revision
        for resource, group in told.items():
            for token, listener in list(self._listeners.get(resource, {}).items()):
                try:
                    listener(group)
                except Exception:  # a listener's border: it ends alone, the others and the writers go on
                    log.exception("a listener of %s failed and hears no more", resource)
                    self._listeners[resource].pop(token, None)
        for event in events:
            event.forget_lines()

    def reindex(self, resource: str, attributes: Callable[[Entry], Attributes]) -> None:
        """Give all entries of a resource other attributes."""
        for entry in self.list(resource):
            self._put(replace(entry, attributes=attributes(entry)))

    def subscribe(self, resource: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each commit's changes; returns what ends it."""
        token = object()
        self._listeners.setdefault(resource, {})[token] = listener
        return lambda: self._listeners[resource].pop(token, None) and None

    def _put(self, entry: Entry) -> None:
        key = entry.key
        self._tables.setdefault(key.resource, {}).setdefault(key.namespace, {})[key.name] = entry


def _ordered(table: _Table, namespace: str) -> list[Entry]:
    if namespace:
        group = table.get(namespace, {})
        return [group[name] for name in sorted(group)]
    return [group[name] for space in sorted(table) for group in (table[space],) for name in sorted(group)]
