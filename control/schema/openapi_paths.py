"""A group version's resources as OpenAPI paths: what each verb takes and gives."""

from typing import Any

from control.schema.openapi_schemas import Schemas
from control.schema.resource import ResourceRow, Subresource, registry
from control.schema.tables import META, has_message

Json = dict[str, Any]

_WRITES = ("dryRun", "fieldManager", "fieldValidation")
_LIST = ("continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "resourceVersionMatch",
         "timeoutSeconds", "watch", "allowWatchBookmarks", "sendInitialEvents")  # fmt: skip
_DELETE = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_PATCHES = ("application/json-patch+json", "application/merge-patch+json",
            "application/strategic-merge-patch+json", "application/apply-patch+yaml")  # fmt: skip
_TYPES = {"limit": "integer", "timeoutSeconds": "integer", "gracePeriodSeconds": "integer", "watch": "boolean",
          "allowWatchBookmarks": "boolean", "sendInitialEvents": "boolean", "orphanDependents": "boolean",
          "force": "boolean"}  # fmt: skip


class Paths:
    """Builds the paths of rows; ``version`` 2 or 3 decides where bodies and parameters stand."""

    def __init__(self, schemas: Schemas, version: int) -> None:
        self._schemas, self._version = schemas, version

    def of(self, group: str, version: str) -> dict[str, Json]:
        """All paths of a group version, sorted."""
        paths: dict[str, Json] = {}
        for row in registry().rows:
            if (row.group, row.version) == (group, version):
                paths |= self._row(row)
        return dict(sorted(paths.items()))

    def _row(self, row: ResourceRow) -> dict[str, Json]:
        scope = "/namespaces/{namespace}" if row.namespaced else ""
        base = f"{row.path_prefix}{scope}/{row.plural}"
        where = ("namespace",) if row.namespaced else ()
        collection: Json = {}
        if "list" in row.verbs:
            collection["get"] = self._operation(row, "list", _LIST, gives=f"{row.message}List")
        if "create" in row.verbs:
            collection["post"] = self._operation(row, "post", _WRITES, takes=row.message, gives=row.message)
        if "deletecollection" in row.verbs:
            collection["delete"] = self._operation(row, "deletecollection", (*_DELETE, *_LIST[:8]))
        paths = {base: {**collection, "parameters": self._in_path(where)}} if collection else {}
        one = self._one(row)
        if one:
            paths[f"{base}/{{name}}"] = {**one, "parameters": self._in_path((*where, "name"))}
        for sub in row.subresources:
            paths[f"{base}/{{name}}/{sub.name}"] = {
                **self._sub(row, sub),
                "parameters": self._in_path((*where, "name")),
            }
        if row.namespaced and "list" in row.verbs:
            everywhere = self._operation(row, "list", _LIST, gives=f"{row.message}List")
            paths[f"{row.path_prefix}/{row.plural}"] = {"get": everywhere, "parameters": self._in_path(())}
        return paths

    def _one(self, row: ResourceRow) -> Json:
        out: Json = {}
        if "get" in row.verbs:
            out["get"] = self._operation(row, "get", (), gives=row.message)
        if "update" in row.verbs:
            out["put"] = self._operation(row, "put", _WRITES, takes=row.message, gives=row.message)
        if "patch" in row.verbs:
            patch = f"{META}Patch"
            out["patch"] = self._operation(row, "patch", (*_WRITES, "force"), takes=patch, gives=row.message)
        if "delete" in row.verbs:
            options = f"{META}DeleteOptions"
            out["delete"] = self._operation(row, "delete", _DELETE, takes=options, gives=f"{META}Status")
        return out

    def _sub(self, row: ResourceRow, sub: Subresource) -> Json:
        body = _message_of(sub) or row.message
        verbs = {"get": "get", "update": "put", "patch": "patch", "create": "post"}
        out: Json = {}
        for verb in sub.verbs:
            if verb in verbs:
                takes = "" if verb == "get" else f"{META}Patch" if verb == "patch" else body
                query = () if verb == "get" else (*_WRITES, "force") if verb == "patch" else _WRITES
                out[verbs[verb]] = self._operation(row, verbs[verb], query, takes=takes, gives=body)
        return out

    def _operation(
        self, row: ResourceRow, action: str, query: tuple[str, ...], *, takes: str = "", gives: str = ""
    ) -> Json:
        operation: Json = {
            "tags": [f"{row.group.split('.')[0] or 'core'}_{row.version}"],
            "parameters": [self._parameter(name, "query") for name in query],
            "responses": {"200": self._answer(gives), "401": {"description": "Unauthorized"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": {
                "group": row.group,
                "kind": row.kind,
                "version": row.version,
            },
        }
        if takes and has_message(takes):
            self._take(operation, takes, action)
        return operation

    def _take(self, operation: Json, takes: str, action: str) -> None:
        schema = self._schemas.refer(takes)
        types = _PATCHES if action == "patch" else ("*/*",)
        if self._version == 3:
            operation["requestBody"] = {"required": action != "delete"}
            operation["requestBody"]["content"] = {kind: {"schema": schema} for kind in types}
        else:
            operation["consumes"] = list(types)
            operation["parameters"].append(
                {"in": "body", "name": "body", "required": action != "delete", "schema": schema}
            )

    def _answer(self, gives: str) -> Json:
        answer: Json = {"description": "OK"}
        if gives and has_message(gives):
            schema = self._schemas.refer(gives)
            if self._version == 3:
                answer["content"] = {"application/json": {"schema": schema}}
            else:
                answer["schema"] = schema
        return answer

    def _parameter(self, name: str, where: str) -> Json:
        parameter: Json = {"in": where, "name": name}
        if where == "path":
            parameter["required"] = True
        kind = {"type": _TYPES.get(name, "string"), "uniqueItems": True}
        return {**parameter, "schema": kind} if self._version == 3 else {**parameter, **kind}

    def _in_path(self, names: tuple[str, ...]) -> list[Json]:
        return [self._parameter(name, "path") for name in names]


def _message_of(sub: Subresource) -> str:
    """The message of a subresource's body, when it is a built-in kind of its own (Scale, Binding, …)."""
    row = registry().by_kind(f"{sub.group}/{sub.version}" if sub.group else sub.version, sub.kind)
    if row is not None and row.message:
        return row.message
    group = sub.group.removesuffix(".k8s.io") or "core"
    name = f"k8s.io.api.{group}.{sub.version}.{sub.kind}"
    return name if has_message(name) else ""
