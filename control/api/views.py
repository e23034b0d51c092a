"""Kinds that are served in several forms and stored in one.

Events of events.k8s.io are the core group's under other names; autoscalers have a module of their own. Other kinds
of several versions differ in their apiVersion alone, as far as podwire goes.
"""

from functools import cache
from typing import Final

import orjson

from control.api.request import Json
from control.api.views_autoscaling import to_v1, to_v2
from control.schema.resource import ResourceRow, registry
from control.store.contract import Entry

_EVENTS: Final = "events.k8s.io"
_SCALERS: Final = "autoscaling"
_NAMES: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
"""The field in events.k8s.io/v1 → the core group's."""
_BACK: Final = {ours: theirs for theirs, ours in _NAMES.items()}


@cache
def _stored_rows() -> dict[tuple[str, str, str], ResourceRow]:
    """(group, version, plural) of a view → the row that its objects are stored as."""
    rows = registry()
    found = {}
    for group, versions in rows.groups().items():
        for version in versions:
            for row in rows.in_group_version(group, version):
                stored = rows.by_kind("v1", "Event") if group == _EVENTS else None
                for preferred in versions:
                    stored = stored or rows.find(group, preferred, row.plural)
                if stored is not None and stored is not row:
                    found[group, version, row.plural] = stored
    return found


def stored_row(row: ResourceRow) -> ResourceRow:
    """The row in whose form the objects are stored; mostly itself."""
    if row.custom is not None:
        return row.custom.stored or row
    return _stored_rows().get((row.group, row.version, row.plural), row)


def to_stored(row: ResourceRow, obj: Json) -> Json:
    """An object as it is stored."""
    stored = stored_row(row)
    if stored is row:
        return obj
    names = _NAMES if row.group == _EVENTS else {}
    if row.group == _SCALERS:
        obj = to_v2(obj)
    return {names.get(key, key): value for key, value in obj.items()} | {"apiVersion": stored.api_version}


def from_stored(row: ResourceRow, obj: Json) -> Json:
    """A stored object as this row shows it; it may be changed and given back."""
    if row.custom is not None:
        return row.custom.shown(row, obj)
    if stored_row(row) is row:
        return obj
    names = _BACK if row.group == _EVENTS else {}
    if row.group == _SCALERS:
        obj = to_v1(obj)
    return {names.get(key, key): value for key, value in obj.items()} | {"apiVersion": row.api_version}


def parsed(row: ResourceRow, entry: Entry) -> Json:
    """A fresh copy of a stored object, as this row shows it."""
    return from_stored(row, entry.parsed())


def data(row: ResourceRow, entry: Entry) -> bytes:
    """A stored object's JSON, as this row shows it."""
    return entry.data if is_as_stored(row, entry.revision) else orjson.dumps(parsed(row, entry))


def is_as_stored(row: ResourceRow, revision: int) -> bool:
    """Are the bytes of an entry of that revision what this row shows?"""
    return stored_row(row) is row and (row.custom is None or row.custom.is_fresh(revision))
