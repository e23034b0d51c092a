"""watch: a resource's changes as a stream of JSON lines, many events in one write."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from aiohttp import web

from control.api.negotiate import Shape, Wanted, wanted
from control.api.objects import metadata_only, storage_name, table
from control.api.paging import parse_revision
from control.api.refusals import too_large_revision
from control.api.request import ApiRequest, Json
from control.api.selection import Selection
from control.api.views import from_stored, is_as_stored, stored_row
from control.errors import ApiError, BadRequest, Cause, Expired, Invalid
from control.names import INITIAL_END
from control.schema.resource import ResourceRow
from control.store.contract import Change, Compacted, Entry, Event, Store

BOOKMARK_S: Final = 60.0
GATHER_S: Final = 0.005
"""The least time between two writes to one watch. The first event after a pause goes at once."""
TIMEOUT_S: Final = (1800, 3600)
"""Upstream's length of a watch that does not say: between half an hour and an hour."""
WAITING_MOST: Final = 32 << 20
"""Bytes that a slow watcher may leave waiting; beyond them its watch ends."""


class Watcher:
    """One watch: takes the store's events as they are committed, keeps the lines that wait to be sent."""

    def __init__(self, row: ResourceRow, request: ApiRequest, selection: Selection, shape: Wanted) -> None:
        self._row = row
        self._request = request
        self._selection = selection
        self._shape = shape
        self._lines: list[bytes] = []
        self._waiting = 0
        self._columns_sent = False
        self._shaping = shape.shape is not Shape.OBJECT or stored_row(row) is not row
        self.revision = 0
        self.ended = False
        self.wake = asyncio.Event()

    def start(self, entries: Sequence[Entry]) -> None:
        """Send what is there as ADDED."""
        for entry in entries:
            if self._selection.matches(entry.attributes):
                self._put(Event(Change.ADDED, entry), Change.ADDED)
        # What was there does not count as slowness, however much it is.
        self._waiting = 0

    def take(self, events: Sequence[Event]) -> None:
        """The store's listener: filter, and keep the lines. A watch whose lines can't be made ends."""
        try:
            self._take(events)
        except (
            Exception
        ):  # the store's border: it ends the listener; the client is to begin anew, not to wait
            self.ended = True
            self._lines.clear()
            self.wake.set()
            raise

    def _take(self, events: Sequence[Event]) -> None:
        if self.ended:
            return
        namespace, everything = self._selection.namespace, self._selection.everything
        for event in events:
            if namespace and event.entry.key.namespace != namespace:
                continue
            change = event.change if everything else self._seen(event)
            if change is not None:
                self._put(event, change)
        self.revision = events[-1].revision
        if self._waiting > WAITING_MOST:
            # A client that reads so slowly begins anew.
            self.ended = True
            self._lines.clear()
        self.wake.set()

    def _seen(self, event: Event) -> Change | None:
        """What this selection makes of a change: an object that stops matching goes, one that begins comes."""
        now = event.change is not Change.DELETED and self._selection.matches(event.entry.attributes)
        past = event.previous_attributes
        before = event.change is not Change.ADDED and past is not None and self._selection.matches(past)
        if now:
            return Change.MODIFIED if before else Change.ADDED
        return Change.DELETED if before else None

    def _put(self, event: Event, change: Change) -> None:
        line = event.line(change)
        if self._shaping or not is_as_stored(self._row, event.revision):
            line = self._shaped(line)
        self._lines.append(line)
        self._waiting += len(line)

    def _shaped(self, line: bytes) -> bytes:
        event = orjson.loads(line)
        obj = from_stored(self._row, event["object"])
        if self._shape.shape is Shape.OBJECT:
            shaped = obj
        elif self._shape.shape is Shape.TABLE:
            shaped = table(
                self._request, self._row, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]}
            )
            if self._columns_sent:
                shaped["columnDefinitions"] = None
            self._columns_sent = True
        else:
            shaped = metadata_only(obj)
        return orjson.dumps({"type": event["type"], "object": shaped}) + b"\n"

    def bookmark(self, revision: int, annotations: Json | None = None) -> None:
        """Tell the watch how far it is."""
        meta: Json = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        obj: Json = {"kind": self._row.kind, "apiVersion": self._row.api_version, "metadata": meta}
        if self._shape.shape is Shape.TABLE:
            head = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": str(revision)},
            }
            obj = {**head, "columnDefinitions": None, "rows": [{"cells": [], "object": obj}]}
        elif self._shape.metadata_only:
            obj |= {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        self._lines.append(orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n")
        self.wake.set()

    def fail(self, error: ApiError) -> None:
        """Tell an error in the stream (which has status 200, as upstream's), and end the watch."""
        self._lines.append(orjson.dumps({"type": "ERROR", "object": error.as_status()}) + b"\n")
        self.ended = True

    @property
    def waiting(self) -> bool:
        """Whether there are lines to send."""
        return bool(self._lines)

    def drain(self) -> bytes:
        """All lines that wait."""
        content = b"".join(self._lines)
        self._lines.clear()
        self._waiting = 0
        return content


class WatchServer:
    """Starts watches and feeds them until they end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stopping = asyncio.Event()
        self._marked: dict[str, set[Watcher]] = {}
        self._all: dict[str, set[Watcher]] = {}

    def progress(self, row: ResourceRow) -> None:
        """Tell every watch of the resource that takes bookmarks how far it is: now, and behind what it is to hear."""
        for watcher in self._marked.get(storage_name(row), ()):
            if not watcher.ended:
                watcher.bookmark(self._store.revision)

    def end(self, resource: str) -> None:
        """End the watches of one resource: what it is has changed, and its clients are to begin anew."""
        for watcher in self._all.get(resource, ()):
            watcher.ended = True
            watcher.wake.set()

    def stop(self) -> None:
        """End all watches (the server is closing)."""
        self._stopping.set()

    async def watch(self, row: ResourceRow, request: ApiRequest) -> web.StreamResponse:
        """The stream of one request; returns when it has ended."""
        query = request.query
        shape = wanted(request.accept)
        if request.route.name and not query.get("fieldSelector"):
            # The old URLs below /watch/ name an object.
            query = {**query, "fieldSelector": f"metadata.name={request.route.name}"}
        selection = Selection.parse(row, request.route.namespace if row.namespaced else "", query)
        watcher = Watcher(row, request, selection, shape)
        everyone = self._all.setdefault(storage_name(row), set())
        cancel = self._begin(row, request, watcher)
        everyone.add(watcher)
        marked = self._marked.setdefault(storage_name(row), set())
        if request.flag("allowWatchBookmarks"):
            marked.add(watcher)
        try:
            timeout_s = _timeout(query.get("timeoutSeconds", ""))
            answer = web.StreamResponse(
                headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
            )
            await answer.prepare(request.http)
            await self._feed(answer, watcher, timeout_s, bookmarks=request.flag("allowWatchBookmarks"))
        except ConnectionResetError:
            return answer  # the client is gone, which is how most watches end
        finally:
            marked.discard(watcher)
            everyone.discard(watcher)
            cancel()
        return answer

    def _begin(self, row: ResourceRow, request: ApiRequest, watcher: Watcher) -> Callable[[], None]:
        """Put in what was before, and listen; no await between the two. Raises Invalid, Timeout."""
        query, resource = request.query, storage_name(row)
        asked = parse_revision(query.get("resourceVersion", ""))
        initial = query.get("sendInitialEvents")
        check_initial(initial, query.get("resourceVersionMatch", ""))
        if asked is not None and asked > self._store.revision:
            raise too_large_revision(asked, self._store.revision)
        watcher.revision = self._store.revision
        if initial in ("true", "1", "True") or (initial is None and not asked):
            watcher.start(self._store.list(resource, request.route.namespace if row.namespaced else ""))
            if initial is not None and request.flag("allowWatchBookmarks"):
                watcher.bookmark(self._store.revision, {INITIAL_END: "true"})
        elif asked:
            try:
                if past := self._store.events_since(resource, asked):
                    watcher.take(past)
            except Compacted as error:
                watcher.fail(Expired(str(error)))
            watcher.revision = self._store.revision
        return self._store.subscribe(resource, watcher.take)

    async def _feed(
        self, answer: web.StreamResponse, watcher: Watcher, timeout_s: float, *, bookmarks: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_s
        timer = loop.call_later(timeout_s, watcher.wake.set)
        marker = loop.call_later(BOOKMARK_S, watcher.wake.set)
        marked, sent = loop.time(), 0.0
        stopping = loop.create_task(self._stopping.wait())
        stopping.add_done_callback(lambda _: watcher.wake.set())
        try:
            while not self._stopping.is_set():
                now = loop.time()
                if watcher.waiting:
                    if now - sent < GATHER_S:
                        # In a burst: more is about to come, and one write carries it all.
                        await asyncio.sleep(GATHER_S - (now - sent))
                    await answer.write(watcher.drain())
                    sent = loop.time()
                    continue
                if watcher.ended or now >= ends:
                    break
                if bookmarks and now - marked >= BOOKMARK_S:
                    watcher.bookmark(self._store.revision)
                    marked = now
                    marker = loop.call_later(BOOKMARK_S + 0.1, watcher.wake.set)
                    continue
                watcher.wake.clear()
                await watcher.wake.wait()
            if bookmarks and not watcher.ended:
                # So that the next watch resumes from here.
                watcher.bookmark(self._store.revision)
                await answer.write(watcher.drain())
            await answer.write_eof()
        finally:
            timer.cancel()
            marker.cancel()
            stopping.cancel()


def check_initial(initial: str | None, match: str) -> None:
    """Refuse what upstream refuses of sendInitialEvents. Raises Invalid."""
    why = field = ""
    if initial is not None and match != "NotOlderThan":
        field = "resourceVersionMatch"
        why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    elif initial is None and match:
        field = "resourceVersionMatch"
        why = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    if why:
        raise Invalid(
            f'ListOptions.meta.k8s.io "" is invalid: {field}: {why}',
            causes=[Cause("FieldValueForbidden", why, field)],
            details={"group": "meta.k8s.io", "kind": "ListOptions"},
        )


def _timeout(text: str) -> float:
    if not text:
        return random.uniform(*TIMEOUT_S)
    try:
        # As upstream: 0 is as if unset, and a time that is over ends the watch at once.
        return max(float(int(text) or random.uniform(*TIMEOUT_S)), 0.0)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
