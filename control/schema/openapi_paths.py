"""The paths of an OpenAPI document: each verb of each resource, with what kubectl looks for in it."""

from collections.abc import Mapping
from typing import Any

from control.schema.openapi_schemas import V2, V3, schema_name
from control.schema.resource import ResourceRow, message_name
from control.schema.tables import META, has_message

_PATCHES = (
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_LIST = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
)  # fmt: skip
_DELETE = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_QUERY: dict[str, tuple[str, ...]] = {
    "post": _WRITE,
    "put": _WRITE,
    "patch": (*_WRITE, "force"),
    "list": _LIST,
    "delete": _DELETE,
    "deletecollection": (*_LIST, *_DELETE),
}
_TYPES = {
    **dict.fromkeys(
        ("allowWatchBookmarks", "force", "orphanDependents", "sendInitialEvents", "watch"), "boolean"
    ),
    **dict.fromkeys(("limit", "timeoutSeconds", "gracePeriodSeconds"), "integer"),
}
_METHODS = {"create": "post", "get": "get", "update": "put", "patch": "patch", "delete": "delete"}


def paths(row: ResourceRow, prefix: str) -> dict[str, Any]:
    """All paths of one resource. prefix: V2 or V3."""
    space = "/namespaces/{namespace}" if row.namespaced else ""
    base = f"{row.path_prefix}{space}/{row.plural}"
    found: dict[str, Any] = {}
    collection = {}
    if "list" in row.verbs:
        collection["get"] = _operation(row, "list", row.message + "List", prefix)
    if "create" in row.verbs:
        collection["post"] = _operation(row, "post", row.message, prefix)
    if "deletecollection" in row.verbs:
        collection["delete"] = _operation(row, "deletecollection", META + "Status", prefix)
    if collection:
        found[base] = {**collection, "parameters": _path_parameters(row, prefix, named=False)}
    item = {
        method: _operation(row, method, row.message, prefix)
        for verb, method in _METHODS.items()
        if verb in row.verbs and verb != "create"
    }
    if item:
        found[base + "/{name}"] = {**item, "parameters": _path_parameters(row, prefix, named=True)}
    for sub in row.subresources:
        own = row.custom is not None and sub.kind == row.kind
        name = row.message if own else message_name(sub.group, sub.version, sub.kind)
        made = {
            _METHODS[verb]: _operation(row, _METHODS[verb], name, prefix, _gvk(sub)) for verb in sub.verbs
        }
        found[f"{base}/{{name}}/{sub.name}"] = {
            **made,
            "parameters": _path_parameters(row, prefix, named=True),
        }
    if row.namespaced and "list" in row.verbs:
        found[f"{row.path_prefix}/{row.plural}"] = {
            "get": _operation(row, "list", row.message + "List", prefix)
        }
    return found


def _gvk(what: Any) -> dict[str, str]:
    return {"group": what.group, "version": what.version, "kind": what.kind}


def _parameter(name: str, where: str, prefix: str) -> dict[str, Any]:
    kind = _TYPES.get(name, "string")
    made: dict[str, Any] = {"name": name, "in": where}
    if where == "path":
        made["required"] = True
    return {**made, "schema": {"type": kind, "uniqueItems": True}} if prefix == V3 else {**made, "type": kind}


def _path_parameters(row: ResourceRow, prefix: str, *, named: bool) -> list[dict[str, Any]]:
    names = [*(["name"] if named else []), *(["namespace"] if row.namespaced else [])]
    return [_parameter(name, "path", prefix) for name in names]


def _operation(
    row: ResourceRow, method: str, answer: str, prefix: str, gvk: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """One verb on one path; ``answer`` is the message of the response."""
    action = {"put": "put", "get": "get"}.get(method, method)
    made: dict[str, Any] = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": dict(gvk) if gvk is not None else _gvk(row),
        "parameters": [_parameter(name, "query", prefix) for name in _QUERY.get(method, ())],
    }
    reference: dict[str, Any] = (
        {"$ref": prefix + schema_name(answer)} if answer and has_message(answer) else {"type": "object"}
    )
    body: Mapping[str, Any] | None = None
    types: tuple[str, ...] = ("*/*",)
    if method in ("post", "put"):
        body = reference
    elif method in ("delete", "deletecollection"):
        body = {"$ref": prefix + schema_name(META + "DeleteOptions")}
    elif method == "patch":
        # kubectl apply sends the strategic merge where it is offered.
        strategic = row.custom is None
        body, types = {"type": "object"}, _PATCHES if strategic else _PATCHES[:-1]
    if prefix == V2:
        if body is not None:
            made["parameters"].append({"name": "body", "in": "body", "required": True, "schema": body})
        made["consumes"] = list(types)
        made["produces"] = ["application/json"]
        made["responses"] = {
            code: {"description": word, "schema": reference} for code, word in _codes(method)
        }
        return made
    if body is not None:
        made["requestBody"] = {"content": {kind: {"schema": body} for kind in types}}
    if method == "delete":  # the object while something holds it, and for some kinds its last state
        reference = {"anyOf": [reference, {"$ref": prefix + schema_name(META + "Status")}]}
    content = {"application/json": {"schema": reference}}
    made["responses"] = {code: {"description": word, "content": content} for code, word in _codes(method)}
    return made


def _codes(method: str) -> tuple[tuple[str, str], ...]:
    """The codes of success of a method, and their words."""
    more: dict[str, tuple[str, ...]] = {
        "post": ("201", "202"), "put": ("201",), "patch": ("201",), "delete": ("202",),
    }  # fmt: skip
    words = {"200": "OK", "201": "Created", "202": "Accepted"}
    return tuple((code, words[code]) for code in ("200", *more.get(method, ())))
