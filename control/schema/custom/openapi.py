"""Custom kinds in the OpenAPI documents: their schemas, and those of their lists."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from control.schema.custom.structural import EMBEDDED, INT_OR_STRING, PRESERVE, Raw
from control.schema.openapi_schemas import V3, schema_name
from control.schema.resource import ResourceRow
from control.schema.tables import META

_TYPE_META: Final = {
    "apiVersion": "APIVersion defines the versioned schema of this representation of an object. Servers should convert"
    " recognized schemas to the latest internal value, and may reject unrecognized values.",
    "kind": "Kind is a string value representing the REST resource this object represents.",
}
_NOT_IN_V2: Final = ("nullable", "oneOf", "anyOf", "allOf", "not", "default")
"""Swagger 2 has not these, or not so: a client that checks by it must let more pass, never less."""


def kind_schemas(row: ResourceRow, prefix: str) -> dict[str, Any]:
    """Name → schema, of a custom kind and its list."""
    assert row.custom is not None
    gvk = {"group": row.group, "version": row.version, "kind": row.kind}
    own = schema_name(row.message)
    made = dict(row.custom.schema if prefix == V3 else _swagger(row.custom.schema))
    meta = {"$ref": prefix + schema_name(META + "ObjectMeta")}
    told = "Standard object's metadata."
    shown = {"allOf": [meta], "description": told} if prefix == V3 else {**meta, "description": told}
    made["properties"] = {**(made.get("properties") or {}), **_type_meta(), "metadata": shown}
    made["x-kubernetes-group-version-kind"] = [gvk]
    list_meta = {"$ref": prefix + schema_name(META + "ListMeta")}
    return {
        own: made,
        own + "List": {
            "description": f"{row.kind}List is a list of {row.kind}",
            "type": "object",
            "required": ["items"],
            "properties": {
                **_type_meta(),
                "metadata": {"allOf": [list_meta]} if prefix == V3 else list_meta,
                "items": {"type": "array", "items": {"$ref": prefix + own}},
            },
            "x-kubernetes-group-version-kind": [{**gvk, "kind": f"{row.kind}List"}],
        },
    }


def _type_meta() -> dict[str, Any]:
    return {key: {"type": "string", "description": told} for key, told in _TYPE_META.items()}


def _swagger(raw: Raw) -> dict[str, Any]:
    """As upstream publishes it in version 2: what that can't say is left out."""
    open_ended = raw.get(PRESERVE) or raw.get(INT_OR_STRING) or raw.get("nullable")
    made: dict[str, Any] = {}
    for key, value in raw.items():
        if key in _NOT_IN_V2 or (open_ended and key in ("type", "items", "properties", "pattern", "format")):
            continue
        if key == "properties":
            made[key] = {name: _swagger(inner) for name, inner in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            made[key] = _swagger(value)
        else:
            made[key] = value
    if raw.get(EMBEDDED):
        made.pop("required", None)
    return made


def all_schemas(rows: Iterable[ResourceRow], prefix: str) -> dict[str, Any]:
    """Those of all custom kinds among ``rows``."""
    return {
        name: schema
        for row in rows
        if row.custom is not None
        for name, schema in kind_schemas(row, prefix).items()
    }
