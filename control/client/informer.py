"""A local copy of a collection, kept by a watch that begins with what is there; callbacks and indexes."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from typing import Final

from control.client.client import ApiClient, ApiUnreachable, Json, ParseEvent
from control.client.clock import Clock, SystemClock
from control.client.lines import parse_event
from control.client.resources import Resource
from control.errors import ApiError, Expired, Gone
from control.names import INITIAL_END

log = logging.getLogger(__name__)

BACKOFF_FIRST_S: Final = 0.2
BACKOFF_MOST_S: Final = 10.0
SOON_S: Final = 1.0
"""A watch that ends sooner, and as it should, comes from a server that is about to stop: a pause is due."""
MARK_S: Final = 0.5
"""After so long the server is asked again for a bookmark: the watch that was to bring it may have broken."""
WATCH_S: Final = (300, 600)
"""A watch is asked to last so long, at random, so that many do not end together."""

OnChange = Callable[[Json | None, Json | None], None]
IndexKeys = Callable[[Json], Iterable[str]]


def object_key(obj: Mapping[str, object]) -> str:
    """``namespace/name``, or ``name`` of what has no namespace."""
    meta = obj["metadata"]
    assert isinstance(meta, Mapping)
    namespace = meta.get("namespace")
    return f"{namespace}/{meta['name']}" if namespace else str(meta["name"])


class Informer:
    """The objects of one resource (of one namespace, of one selector), as last heard.

    ``items`` and what callbacks get are shared: read only. Callbacks are synchronous, run in the order of
    events after ``items`` and the indexes were changed, and get ``(None, new)``, ``(old, new)`` or
    ``(old, None)``.
    A callback that is registered late first hears ``(None, obj)`` for each object that is there.
    """

    def __init__(  # noqa: PLR0913 (a watch's own options)
        self,
        client: ApiClient,
        res: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        clock: Clock | None = None,
        parse: ParseEvent = parse_event,
    ) -> None:
        """parse: for objects in outline; what it leaves out is in no callback and no index."""
        self._client = client
        self._parse = parse
        self.resource = res
        self._namespace = namespace
        self._labels = label_selector
        self._fields = field_selector
        self._clock: Clock = clock or SystemClock()
        self._revision = ""
        self._progress = asyncio.Event()
        self._asking = asyncio.Lock()
        self._calls: list[OnChange] = []
        self._indexes: dict[str, tuple[IndexKeys, dict[str, dict[str, Json]]]] = {}
        self.items: dict[str, Json] = {}
        self.synced = asyncio.Event()
        self.restarts = 0
        """How often it began with all that is there, for tests and metrics."""

    def on_change(self, call: OnChange) -> None:
        """Call ``call(old, new)`` for every change."""
        self._calls.append(call)
        for obj in list(self.items.values()):
            call(None, obj)

    def index(self, name: str, keys: IndexKeys) -> None:
        """Keep an index: ``keys(obj)`` gives the values under which the object is found."""
        table: dict[str, dict[str, Json]] = {}
        self._indexes[name] = (keys, table)
        for key, obj in self.items.items():
            for value in keys(obj):
                table.setdefault(value, {})[key] = obj

    def by_index(self, name: str, value: str) -> list[Json]:
        """The objects under a value of an index."""
        return list(self._indexes[name][1].get(value, {}).values())

    async def heard(self, revision: int) -> None:
        """Return once every change up to this revision of the store was heard.

        A quiet resource's watch tells its progress rarely: when it is behind, the server is asked to tell it.
        """
        while self._behind(revision):
            async with self._asking:  # whoever waited for another's answer is mostly served by it
                if self._behind(revision):
                    await self._ask(revision)

    def _behind(self, revision: int) -> bool:
        return int(self._revision or 0) < revision

    async def _ask(self, revision: int) -> None:
        try:
            await self._client.mark(self.resource)
        except (ApiUnreachable, ApiError) as error:
            log.info("%s: %s", self.resource.plural, error)
        with suppress(TimeoutError):
            async with asyncio.timeout(MARK_S):
                while self._behind(revision):
                    self._progress.clear()
                    await self._progress.wait()

    async def run(self) -> None:
        """Follow for ever; returns only by cancellation."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            began = self._clock.monotonic()
            try:
                await self._watch()
                backoff_s = BACKOFF_FIRST_S
                if self._clock.monotonic() - began >= SOON_S:
                    continue
            except (Expired, Gone):
                log.info("%s: revision %s is gone, beginning anew", self.resource.plural, self._revision)
                self._revision = ""
            except (ApiUnreachable, ApiError) as error:
                log.warning("%s: %s; again in %.1f s", self.resource.plural, error, backoff_s)
            await self._clock.sleep(backoff_s * random.uniform(0.5, 1.5))
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    def _replace(self, there: dict[str, Json]) -> None:
        """Take over all that is there, telling only what differs from what was heard before."""
        self.restarts += 1
        for key in [key for key in self.items if key not in there]:
            self._change(key, None)
        for key, obj in there.items():
            old = self.items.get(key)
            if old is None or old["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
                self._change(key, obj)
        self.synced.set()

    async def _watch(self) -> None:
        events = self._client.watch(
            self.resource,
            namespace=self._namespace,
            resource_version=self._revision,
            label_selector=self._labels,
            field_selector=self._fields,
            timeout_s=random.randint(*WATCH_S),
            initial=not self._revision,
            parse=self._parse,
        )
        there: dict[str, Json] | None = None if self._revision else {}
        async with aclosing(events):
            async for event in events:
                meta = event.object["metadata"]
                if there is not None:
                    if event.type != "BOOKMARK":
                        there[object_key(event.object)] = event.object
                        continue
                    if INITIAL_END not in (meta.get("annotations") or {}):
                        continue
                    self._replace(there)
                    there = None
                elif event.type != "BOOKMARK":
                    self._change(object_key(event.object), None if event.type == "DELETED" else event.object)
                self._revision = meta["resourceVersion"]
                self._progress.set()

    def _change(self, key: str, new: Json | None) -> None:
        old = self.items.pop(key, None)
        if old is None and new is None:
            return
        if new is not None:
            self.items[key] = new
        for keys, table in self._indexes.values():
            for value in keys(old) if old is not None else ():
                found = table.get(value)
                if found is not None:
                    found.pop(key, None)
                    if not found:
                        del table[value]
            for value in keys(new) if new is not None else ():
                table.setdefault(value, {})[key] = new  # type: ignore[assignment]  # not None here
        for call in self._calls:
            call(old, new)
