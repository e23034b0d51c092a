"""The OpenAPI documents that we publish: version 2 whole, version 3 by group version; made when first asked for."""

import hashlib
from functools import cache
from typing import Any

import orjson

from control.schema.openapi_paths import paths
from control.schema.openapi_schemas import V2, V3, schemas
from control.schema.resource import ResourceRow, message_name, registry
from control.schema.tables import META, has_message

_INFO = {"title": "Kubernetes", "version": "v1.37.0"}
_ALWAYS = (META + "DeleteOptions", META + "Status", META + "WatchEvent")


@cache
def openapi_v2() -> bytes:
    """``/openapi/v2`` as JSON; cached."""
    rows = registry().rows
    document: dict[str, Any] = {
        "swagger": "2.0",
        "info": _INFO,
        "paths": _paths(rows, V2),
        "definitions": schemas(_roots(rows), V2),
    }
    return orjson.dumps(document)


@cache
def openapi_v3_index() -> bytes:
    """``/openapi/v3`` as JSON: paths and their versioned URLs; cached."""
    found = {}
    for group, versions in registry().groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            mark = hashlib.sha256(f"podwire {_INFO['version']} {path}".encode()).hexdigest()[:32].upper()
            found[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={mark}"}
    return orjson.dumps({"paths": found})


@cache
def openapi_v3(path: str) -> bytes | None:
    """The document of one group version (``api/v1``, ``apis/apps/v1``); None when there is none; cached."""
    parts = path.strip("/").split("/")
    if len(parts) == 2 and parts[0] == "api":
        group, version = "", parts[1]
    elif len(parts) == 3 and parts[0] == "apis":
        group, version = parts[1:]
    else:
        return None
    rows = tuple(registry().in_group_version(group, version))
    if not rows:
        return None
    document: dict[str, Any] = {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": _paths(rows, V3),
        "components": {"schemas": schemas(_roots(rows), V3)},
    }
    return orjson.dumps(document)


def _paths(rows: tuple[ResourceRow, ...], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if row.message:
            found |= paths(row, prefix)
    return dict(sorted(found.items()))


def _roots(rows: tuple[ResourceRow, ...]) -> list[str]:
    names = list(_ALWAYS)
    for row in rows:
        if row.message:
            names += [row.message, *([row.message + "List"] if has_message(row.message + "List") else [])]
        for sub in row.subresources:
            name = message_name(sub.group, sub.version, sub.kind)
            names += [name] if name else []
    return list(dict.fromkeys(names))
