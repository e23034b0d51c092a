"""The OpenAPI documents that we publish: version 2 whole, version 3 by group version; made when first asked for."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import orjson

from control.schema.custom.openapi import all_schemas
from control.schema.openapi_paths import paths
from control.schema.openapi_schemas import V2, V3, schemas
from control.schema.resource import Registry, ResourceRow, message_name
from control.schema.tables import META, has_message

_INFO = {"title": "Kubernetes", "version": "v1.37.0"}
_ALWAYS = (META + "DeleteOptions", META + "Status", META + "WatchEvent")


class OpenApi:
    """The documents of one server; made when first asked for, and anew when its custom kinds have changed.

    changes: a number that counts those changes.
    """

    def __init__(self, rows: Registry, changes: Callable[[], int] = lambda: 0) -> None:
        self._registry = rows
        self._changes = changes
        self._kept: dict[str, tuple[int, bytes | None]] = {}

    def v2(self) -> bytes:
        """``/openapi/v2`` as JSON."""
        return self._made("v2", self._v2) or b""

    def v3_index(self) -> bytes:
        """``/openapi/v3`` as JSON: paths and their versioned URLs."""
        return self._made("v3", self._v3_index) or b""

    def v3(self, path: str) -> bytes | None:
        """The document of one group version (``api/v1``, ``apis/apps/v1``); None when there is none."""
        path = path.strip("/")
        rows = self._rows(path)
        if not rows:
            return None
        if not any(row.custom is not None for row in rows):
            return _builtin_v3(tuple(rows))
        return self._made(path, lambda: _v3(rows))

    def _made(self, what: str, make: Callable[[], bytes]) -> bytes | None:
        count, document = self._kept.get(what, (-1, None))
        if count != self._changes():
            document = make()
            self._kept[what] = (self._changes(), document)
        return document

    def _rows(self, path: str) -> list[ResourceRow]:
        parts = path.split("/")
        if len(parts) == 2 and parts[0] == "api":
            return self._registry.in_group_version("", parts[1])
        if len(parts) == 3 and parts[0] == "apis":
            return self._registry.in_group_version(*parts[1:])
        return []

    def _v2(self) -> bytes:
        rows = self._registry.rows
        builtin = _builtin_v2(tuple(row for row in rows if row.custom is None))
        custom = [row for row in rows if row.custom is not None]
        if not custom:
            return builtin
        document = orjson.loads(builtin)
        document["paths"] |= _paths(custom, V2)
        document["definitions"] |= all_schemas(custom, V2)
        return orjson.dumps(document)

    def _v3_index(self) -> bytes:
        found = {}
        for group, versions in self._registry.groups().items():
            for version in versions:
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                named = sorted(row.message for row in self._rows(path) if row.custom is not None)
                seen = f"podwire {_INFO['version']} {path} {' '.join(named)}"
                mark = hashlib.sha256(seen.encode()).hexdigest()[:32].upper()
                found[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={mark}"}
        return orjson.dumps({"paths": found})


@cache
def _builtin_v2(rows: tuple[ResourceRow, ...]) -> bytes:
    document: dict[str, Any] = {
        "swagger": "2.0",
        "info": _INFO,
        "paths": _paths(rows, V2),
        "definitions": schemas(_roots(rows), V2),
    }
    return orjson.dumps(document)


@cache
def _builtin_v3(rows: tuple[ResourceRow, ...]) -> bytes:
    return _v3(rows)


def _v3(rows: Sequence[ResourceRow]) -> bytes:
    document: dict[str, Any] = {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": _paths(rows, V3),
        "components": {"schemas": {**schemas(_roots(rows), V3), **all_schemas(rows, V3)}},
    }
    return orjson.dumps(document)


def _paths(rows: Sequence[ResourceRow], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if row.message:
            found |= paths(row, prefix)
    return dict(sorted(found.items()))


def _roots(rows: Sequence[ResourceRow]) -> list[str]:
    names = list(_ALWAYS)
    for row in rows:
        if row.custom is not None:
            names += [META + "ObjectMeta", META + "ListMeta"]
        elif row.message:
            names += [row.message, *([row.message + "List"] if has_message(row.message + "List") else [])]
        for sub in row.subresources:
            name = message_name(sub.group, sub.version, sub.kind)
            names += [name] if name else []
    return list(dict.fromkeys(names))
