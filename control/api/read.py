"""get and list."""

from collections.abc import Sequence

import orjson

from control.api.long_answer import COMPRESS_FROM, list_parts
from control.api.negotiate import Shape, Wanted, wanted
from control.api.objects import key_of, metadata_only, object_answer, storage_name, table
from control.api.paging import Page, check_match, invalid_list, parse_limit, parse_revision
from control.api.refusals import not_found, too_large_revision
from control.api.request import Answer, ApiRequest, Json
from control.api.selection import Selection
from control.api.views import data, parsed
from control.errors import Expired
from control.schema.resource import ResourceRow
from control.store.contract import Compacted, Entry, Store


class Reader:
    """Answers from the store's memory; reads see every write that was answered before."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def entry(self, row: ResourceRow, namespace: str, name: str) -> Entry:
        """The object as stored. Raises NotFound."""
        entry = self._store.get(key_of(row, namespace, name))
        if entry is None:
            raise not_found(row, name)
        return entry

    async def get(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """One object."""
        route = request.route
        asked = request.query.get("resourceVersion", "")
        if asked:
            self._reached(parse_revision(asked) or 0)
        entry = self.entry(row, route.namespace, route.name)
        return object_answer(request, wanted(request.accept), row, entry)

    async def list(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """A collection, all of it of one moment, in pages when asked for."""
        query, shape = request.query, wanted(request.accept)
        token, limit = query.get("continue", ""), parse_limit(query.get("limit", ""))
        selection = Selection.parse(row, request.route.namespace, query)
        if "sendInitialEvents" in query:
            raise invalid_list("sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list")
        check_match(query.get("resourceVersionMatch", ""), query.get("resourceVersion", ""), token)
        page = Page.parse(token) if token else None
        revision = self._revision(request, page, limit)
        entries = self._entries(row, selection.namespace, revision)
        if page is not None:
            entries = [entry for entry in entries if entry.key[1:] > page.after]
        if not selection.everything:
            entries = [entry for entry in entries if selection.matches(entry.attributes)]
        meta: Json = {"resourceVersion": str(revision)}
        if limit and len(entries) > limit:
            entries, left = entries[:limit], len(entries) - limit
            last = entries[-1].key
            meta["continue"] = Page(revision, (last.namespace, last.name)).token()
            if selection.everything:
                meta["remainingItemCount"] = left
        return list_answer(request, shape, row, entries, meta)

    def _revision(self, request: ApiRequest, page: Page | None, limit: int) -> int:
        """The moment that the list shows."""
        if page is not None:
            self._reached(page.revision)
            return page.revision
        asked = parse_revision(request.query.get("resourceVersion", "")) or 0
        self._reached(asked)
        match = request.query.get("resourceVersionMatch", "")
        exact = match == "Exact" or (not match and limit > 0 and asked > 0)
        return asked if exact else self._store.revision

    def _reached(self, revision: int) -> None:
        if revision > self._store.revision:
            raise too_large_revision(revision, self._store.revision)

    def _entries(self, row: ResourceRow, namespace: str, revision: int) -> Sequence[Entry]:
        resource = storage_name(row)
        try:
            return self._store.list_at(resource, namespace if row.namespaced else "", revision)
        except Compacted:
            raise Expired(
                "The provided continue parameter is too old to display a consistent list result."
                " You can start a new list without the continue parameter."
            ) from None


def list_answer(
    request: ApiRequest, shape: Wanted, row: ResourceRow, entries: Sequence[Entry], meta: Json
) -> Answer:
    """A list in the shape that is wanted; stored bytes are put together as they are."""
    if shape.shape is Shape.TABLE:
        return Answer(orjson.dumps(table(request, row, [parsed(row, entry) for entry in entries], meta)))
    if shape.metadata_only:
        items = [metadata_only(parsed(row, entry)) for entry in entries]
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        return Answer(orjson.dumps({**head, "items": items}))
    head = {"kind": f"{row.kind}List", "apiVersion": row.api_version, "metadata": meta}
    opening = orjson.dumps(head)[:-1]
    if sum(len(entry.data) for entry in entries) >= COMPRESS_FROM:
        return Answer(b"", parts=list_parts(opening, row, entries))
    return Answer(b'%b,"items":[%b]}' % (opening, b",".join([data(row, entry) for entry in entries])))
