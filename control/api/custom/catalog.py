"""The custom kinds that are served now: the stored CustomResourceDefinitions, as rows of the registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from control.api.objects import attributes_of, storage_name
from control.api.request import Json
from control.schema.custom.definition import has_condition, is_established, rows_of
from control.schema.resource import Registry, ResourceRow
from control.store.contract import Change, Entry, Event, Store

DEFINITIONS: Final = "apiextensions.k8s.io/customresourcedefinitions"


@dataclass(slots=True)
class _Served:
    definition: Json
    rows: list[ResourceRow]


class Catalog:
    """Keeps the registry equal to the established definitions, from the moment that each change is committed.

    ended: called with a resource's name in the store when its watches have to begin anew.
    """

    def __init__(self, store: Store, registry: Registry, ended: Callable[[str], None]) -> None:
        self._store = store
        self._registry = registry
        self._ended = ended
        self._served: dict[str, _Served] = {}
        self.changes = 0
        """Counts the changes of what is served; documents that are made from it are kept until the next."""

    def start(self) -> None:
        """Serve what is stored, and follow it."""
        for entry in self._store.list(DEFINITIONS):
            self._take(entry)
        self._store.subscribe(DEFINITIONS, self._changed)

    def rows(self, name: str) -> Sequence[ResourceRow]:
        """The rows of a definition; empty while it is not established."""
        served = self._served.get(name)
        return served.rows if served is not None else ()

    def _changed(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.change is Change.DELETED:
                self._remove(event.entry.key.name)
            else:
                self._take(event.entry)

    def _take(self, entry: Entry) -> None:
        definition = entry.parsed()
        name = entry.key.name
        if not is_established(definition):
            self._remove(name)
            return
        served = self._served.get(name)
        if served is None or _differs(served.definition, definition):
            self._remove(name)
            served = self._served[name] = _Served(definition, rows_of(definition, entry.revision))
            for row in served.rows:
                self._registry.add(row)
            self._index(served.rows)
            self.changes += 1
        served.definition = definition
        going = has_condition(definition, "Terminating")
        for row in served.rows:
            if row.custom is not None:
                row.custom.terminating = going

    def _index(self, rows: Sequence[ResourceRow]) -> None:
        """Objects that are there already get the fields that selectors may ask for now."""
        if rows and rows[0].custom is not None and rows[0].custom.selected:
            row = rows[0]
            self._store.reindex(storage_name(row), lambda entry: attributes_of(row, entry.parsed()))

    def _remove(self, name: str) -> None:
        served = self._served.pop(name, None)
        if served is None:
            return
        self.changes += 1
        for row in served.rows:
            self._registry.remove(row)
        for resource in {storage_name(row) for row in served.rows}:
            self._ended(resource)


def _differs(one: Json, other: Json) -> bool:
    """Do two states of a definition serve different things?"""
    names = [(state.get("status") or {}).get("acceptedNames") for state in (one, other)]
    return bool(one["spec"] != other["spec"] or names[0] != names[1])
