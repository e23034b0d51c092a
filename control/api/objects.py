"""From rows and objects to the store's keys and attributes, and back to JSON in the shape that is wanted."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from control.api.negotiate import Shape, Wanted
from control.api.request import Answer, ApiRequest, Json
from control.api.views import data, parsed, stored_row
from control.schema.field_selector import selectable_fields
from control.schema.resource import ResourceRow
from control.schema.table import as_table
from control.store.contract import Attributes, Entry, Key

_NO_LABELS: Final[Mapping[str, str]] = {}


def storage_name(row: ResourceRow) -> str:
    """Where a row's objects stand in the store: all versions of a kind share them."""
    stored = stored_row(row)
    return f"{stored.group}/{stored.plural}"


def key_of(row: ResourceRow, namespace: str, name: str) -> Key:
    """The store's key."""
    return Key(storage_name(row), namespace if row.namespaced else "", name)


def attributes_of(row: ResourceRow, obj: Json) -> Attributes:
    """What selectors may ask of an object, which is in its stored form."""
    return Attributes(obj["metadata"].get("labels") or _NO_LABELS, selectable_fields(stored_row(row), obj))


def object_answer(
    request: ApiRequest, wanted: Wanted, row: ResourceRow, entry: Entry, *, status: int = 200
) -> Answer:
    """A stored object as it was asked for."""
    if wanted.shape is Shape.OBJECT:
        return Answer(data(row, entry), status)
    return value_answer(request, wanted, row, parsed(row, entry), status=status)


def value_answer(
    request: ApiRequest, wanted: Wanted, row: ResourceRow, obj: Json, *, status: int = 200
) -> Answer:
    """An object that may not be stored (dry run, deleted) as it was asked for."""
    if wanted.shape is Shape.TABLE:
        return Answer(orjson.dumps(table(request, row, [obj], obj.get("metadata", {}))), status)
    if wanted.metadata_only:
        return Answer(orjson.dumps(metadata_only(obj)), status)
    return Answer(orjson.dumps(obj), status)


def table(
    request: ApiRequest, row: ResourceRow, objs: Sequence[Json], list_meta: Mapping[str, Any]
) -> dict[str, Any]:
    """kubectl's columns, with as much of the objects as ``includeObject`` asks for."""
    include = request.query.get("includeObject", "Metadata")
    meta = {
        key: list_meta[key]
        for key in ("resourceVersion", "continue", "remainingItemCount")
        if key in list_meta
    }
    return as_table(row, objs, include=include, list_meta=meta)


def metadata_only(obj: Json) -> Json:
    """A PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }
