"""What becomes of a CustomResourceDefinition: its names are accepted, it is established; at its end its objects go."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from control.api.admission.attempt import WriteOptions
from control.api.custom.catalog import DEFINITIONS, Catalog
from control.api.custom.names import CLEANUP, set_condition, settled
from control.api.delete import DeleteOptions, Deleter
from control.api.objects import storage_name
from control.api.request import Json, User
from control.api.write import Target, Writer
from control.errors import ApiError, NotFound
from control.schema.resource import Registry, ResourceRow
from control.store.contract import Change, Event, Key, Store

log = logging.getLogger(__name__)

_OURSELVES: Final = User("system:apiserver", ("system:masters",))
_AGAIN_S: Final = 1.0
_AT_ONCE: Final = 64
"""Objects of a definition that goes, deleted in one commit."""


class Establisher:
    """Answers each change of a definition; an async context manager that owns its one task."""

    def __init__(
        self, store: Store, registry: Registry, catalog: Catalog, writer: Writer, deleter: Deleter
    ) -> None:
        self._store, self._registry, self._catalog = store, registry, catalog
        self._writer, self._deleter = writer, deleter
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._emptied: dict[str, Callable[[], None]] = {}
        self._names: dict[str, tuple[int, Json]] = {}

    async def __aenter__(self) -> Self:
        row = self._registry.by_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        assert row is not None
        self._row: ResourceRow = row
        self._waiting |= {entry.key.name: None for entry in self._store.list(DEFINITIONS)}
        self._wake.set()
        self._cancel = self._store.subscribe(DEFINITIONS, self._changed)
        self._task = asyncio.create_task(self._run(), name="custom resource definitions")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancel()
        for cancel in self._emptied.values():
            cancel()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def _changed(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.change is Change.DELETED:
                # A name that is free again may be another definition's now.
                group = event.entry.parsed()["spec"]["group"]
                names = self._named()
                self._add(*(name for name, one in names.items() if one["spec"]["group"] == group))
            else:
                self._add(event.entry.key.name)

    def _add(self, *names: str) -> None:
        self._waiting |= dict.fromkeys(names)
        self._wake.set()

    def _named(self) -> dict[str, Json]:
        """Every definition's group and accepted names; each state of one is parsed once."""
        known = {}
        for entry in self._store.list(DEFINITIONS):
            revision, names = self._names.get(entry.key.name, (0, {}))
            if revision != entry.revision:
                whole = entry.parsed()
                accepted = (whole.get("status") or {}).get("acceptedNames")
                names = {"spec": {"group": whole["spec"]["group"]}, "status": {"acceptedNames": accepted}}
            known[entry.key.name] = (entry.revision, names)
        self._names = known
        return {name: names for name, (_, names) in known.items()}

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                name = next(iter(self._waiting))
                del self._waiting[name]
                try:
                    await self._settle(name)
                except NotFound:
                    continue
                except ApiError as error:
                    log.warning("customresourcedefinition %s: %s", name, error.message)
                    asyncio.get_running_loop().call_later(_AGAIN_S, self._add, name)

    async def _settle(self, name: str) -> None:
        entry = self._store.get(Key(DEFINITIONS, "", name))
        if entry is None:
            return
        definition = entry.parsed()
        if "deletionTimestamp" in definition["metadata"]:
            if CLEANUP in (definition["metadata"].get("finalizers") or ()):
                await self._clean(name, definition)
            return
        others = [one for other, one in self._named().items() if other != name]
        builtin = [row for row in self._registry.rows if row.custom is None]
        if settled(definition, others, builtin) is not definition:
            await self._amend(name, lambda now: settled(now, others, builtin))

    async def _amend(self, name: str, make: Callable[[Json], Json]) -> None:
        options = WriteOptions(user=_OURSELVES, manager="kube-apiserver")
        await self._writer.amend(Target(self._row, "", name), make, options)

    async def _clean(self, name: str, definition: Json) -> None:
        """Delete all objects of the kind; the finalizer goes when none is left."""
        rows = self._catalog.rows(name)
        resource = f"{definition['spec']['group']}/{definition['spec']['names']['plural']}"
        if rows and rows[0].custom is not None and rows[0].custom.stored is not None:
            row = rows[0].custom.stored
            resource = storage_name(row)
            if name not in self._emptied:
                self._emptied[name] = self._store.subscribe(
                    resource, lambda events: self._object_gone(name, events)
                )
            entries = self._store.list(resource)
            for first in range(0, len(entries), _AT_ONCE):
                keys = [entry.key for entry in entries[first : first + _AT_ONCE]]
                await asyncio.gather(*(self._delete(Target(row, key.namespace, key.name)) for key in keys))
        if self._store.list(resource):
            return  # held by finalizers of their own: the last one that goes wakes us
        if (cancel := self._emptied.pop(name, None)) is not None:
            cancel()
        await self._amend(name, _released)

    async def _delete(self, target: Target) -> None:
        with suppress(NotFound):
            await self._deleter.delete(target, DeleteOptions(), WriteOptions(user=_OURSELVES))

    def _object_gone(self, name: str, events: Sequence[Event]) -> None:
        if any(event.change is Change.DELETED for event in events):
            self._add(name)


def _released(definition: Json) -> Json:
    set_condition(definition, "Terminating", False, "InstanceDeletionCompleted", "removed all instances")
    meta = definition["metadata"]
    meta["finalizers"] = [one for one in meta.get("finalizers") or () if one != CLEANUP]
    if not meta["finalizers"]:
        del meta["finalizers"]
    return definition
