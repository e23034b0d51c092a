"""The OpenAPI documents that we publish: version 3 a group version, version 2 in one; made when first asked for."""

import hashlib
from functools import cache
from typing import Any

import orjson

from control.schema.openapi_paths import Paths
from control.schema.openapi_schemas import Schemas, messages_of
from control.schema.resource import registry

_INFO = {"title": "Kubernetes", "version": "v1.37.0"}


@cache
def openapi_v2() -> bytes:
    """``/openapi/v2`` as JSON."""
    schemas = Schemas("#/definitions/")
    paths: dict[str, Any] = {}
    for group, version in _group_versions():
        paths |= Paths(schemas, 2).of(group, version)
    document = {
        "swagger": "2.0",
        "info": _INFO,
        "paths": paths,
        "definitions": dict(sorted(schemas.found.items())),
    }
    return orjson.dumps(document)


@cache
def openapi_v3_index() -> bytes:
    """``/openapi/v3`` as JSON: each group version's URL, with a hash so that clients may keep the document.

    The hash is of the release, not of the text: making all documents just to name them takes half a second.
    """
    paths = {}
    for group, version in _group_versions():
        path = _path(group, version)
        digest = hashlib.sha256(f"{_INFO['version']} {path}".encode()).hexdigest().upper()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return orjson.dumps({"paths": paths})


@cache
def openapi_v3(path: str) -> bytes | None:
    """The document of one group version (``api/v1``, ``apis/apps/v1``); None when there is none."""
    for group, version in _group_versions():
        if _path(group, version) == path:
            return _document(group, version)
    return None


def _document(group: str, version: str) -> bytes:
    schemas = Schemas("#/components/schemas/")
    for name in messages_of(group, version):
        schemas.refer(name)
    paths = Paths(schemas, 3).of(group, version)
    components = {"schemas": dict(sorted(schemas.found.items()))}
    return orjson.dumps({"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": components})


def _group_versions() -> list[tuple[str, str]]:
    return [(group, version) for group, versions in registry().groups().items() for version in versions]


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"
