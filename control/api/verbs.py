"""From a resource request to the verb that answers it: the last handler of the chain."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from control.api.admission.attempt import FieldValidation, WriteOptions
from control.api.bodies import (
    JSON_TYPES,
    PROTOBUF,
    YAML_TYPES,
    decode,
    decode_patch,
    patch_type,
    read_body,
    read_object,
    refuse_null_items,
    repacked,
)
from control.api.delete import DeleteOptions, Deleter
from control.api.duplicates import duplicate_fields, duplicate_keys
from control.api.metadata import check_kind
from control.api.negotiate import wanted
from control.api.objects import object_answer, storage_name, value_answer
from control.api.read import Reader
from control.api.refusals import details, no_such_resource, not_allowed
from control.api.request import Answer, ApiRequest, Json, Response
from control.api.selection import Selection
from control.api.update import update_or_create
from control.api.watch import WatchServer
from control.api.write import Make, Outcome, Target, Writer
from control.api.write_options import as_apply, write_options
from control.errors import BadRequest, NotFound, UnsupportedMediaType
from control.schema import json_patch, merge_patch, strategic_patch
from control.schema.apply import apply_patch
from control.schema.custom.kind import CustomKind
from control.schema.resource import Registry, ResourceRow
from control.schema.structure import check_partial
from control.schema.tables import META
from control.store.contract import Store

DELETE_OPTIONS: Final = META + "DeleteOptions"
SubHandler = Callable[[ResourceRow, ApiRequest], Awaitable[Response]]
_RETURNED_WHEN_DELETED = frozenset(
    {"pods", "services", "serviceaccounts", "persistentvolumeclaims", "persistentvolumes", "podtemplates"}
)
_OBJECT_SUBRESOURCES = frozenset({"status", "ephemeralcontainers", "resize", "approval"})
"""Subresources whose body is the whole object, of which they write a part."""


@dataclass(frozen=True, slots=True)
class Verbs:
    """What carries requests out; ``subs`` by ``plural/subresource``, ``virtual`` by ``group/plural``."""

    registry: Registry
    store: Store
    reader: Reader
    writer: Writer
    deleter: Deleter
    watches: WatchServer
    subs: Mapping[str, SubHandler]
    virtual: Mapping[str, SubHandler]

    async def answer(self, request: ApiRequest) -> Response:
        """Answer one resource request. Raises ApiError."""
        route = request.route
        row = self.registry.find(route.group, route.version, route.resource)
        if row is None:
            raise no_such_resource()
        if row.custom is not None:
            _custom_only(row.custom, request)
        if route.subresource:
            return await self._subresource(row, request)
        if (virtual := self.virtual.get(f"{row.group}/{row.plural}")) is not None:
            return await virtual(row, request)
        if route.verb not in row.verbs:
            raise not_allowed()
        if row.namespaced and not route.namespace and route.verb not in ("list", "watch"):
            raise not_allowed()
        if bool(route.name) == (route.verb == "create") and route.verb in ("create", "update", "patch"):
            raise not_allowed()
        match route.verb:
            case "get":
                return await self.reader.get(row, request)
            case "list":
                if request.flag("allowWatchBookmarks"):
                    self.watches.progress(row)
                return await self.reader.list(row, request)
            case "watch":
                return await self.watches.watch(row, request)
            case "create":
                return await self._create(row, request)
            case "update":
                return await self._update(row, request)
            case "patch":
                return await self._patch(row, request)
            case "delete":
                return await self._delete(row, request)
            case "deletecollection":
                return await self._delete_collection(row, request)
        raise not_allowed()

    async def _subresource(self, row: ResourceRow, request: ApiRequest) -> Response:
        route = request.route
        sub = row.subresource(route.subresource)
        if sub is None:
            raise no_such_resource()
        name = f"{row.plural}/{sub.name}" if row.custom is None else f"custom/{sub.name}"
        if (handler := self.subs.get(name)) is not None:
            return await handler(row, request)
        if sub.name not in _OBJECT_SUBRESOURCES:
            raise no_such_resource()
        match route.verb:
            case "get":
                return await self.reader.get(row, request)
            case "update":
                return await self._update(row, request)
            case "patch":
                return await self._patch(row, request)
        raise not_allowed()

    async def _create(self, row: ResourceRow, request: ApiRequest) -> Answer:
        options = write_options(request)
        obj = await _whole_object(row, request, options)
        outcome = await self.writer.create(row, request.route.namespace, obj, options)
        return written(request, row, outcome, status=201)

    async def _update(self, row: ResourceRow, request: ApiRequest) -> Answer:
        options = write_options(request)
        body = await _whole_object(row, request, options)
        packed = orjson.dumps(body)
        if not packed or not body:
            raise BadRequest("the body of the request is empty")
        outcome, made = await update_or_create(self.writer, target_of(row, request), packed, options)
        return written(request, row, outcome, status=201 if made else 200)

    async def _patch(self, row: ResourceRow, request: ApiRequest) -> Answer:
        kind = patch_type(request, strategic=row.custom is None)
        patch = decode_patch(await read_body(request), kind)
        options = write_options(request)
        if kind == "apply":
            return await self._apply(row, request, patch, options)
        outcome = await self.writer.change(target_of(row, request), patcher(row, kind, patch), options)
        return written(request, row, outcome)

    async def _apply(
        self, row: ResourceRow, request: ApiRequest, patch: Any, options: WriteOptions
    ) -> Answer:
        if not isinstance(patch, dict):
            raise BadRequest("the apply patch is no object")
        as_apply(request, options)
        # On a copy, as unknown fields are pruned. They are told here: laying it over the live object drops them.
        copy = _copy(patch)
        check_kind(row, copy)
        findings = check_partial(row, copy)
        findings.refuse(strict=options.validation is FieldValidation.STRICT)
        if options.validation is FieldValidation.WARN:
            options.warnings.extend(findings.warnings())
        refuse_null_items(copy)
        if (patch.get("metadata") or {}).get("managedFields"):
            raise BadRequest("metadata.managedFields must be nil")

        def applied(live: Json | None) -> Json:
            applier, part = options.manager, request.route.subresource
            merged = apply_patch(row, live, patch, manager=applier, force=options.force, subresource=part)
            return _copy(merged)

        try:
            outcome = await self.writer.change(target_of(row, request), applied, options)
        except NotFound:
            if request.route.subresource:
                raise
            obj = applied(None)
            obj.setdefault("metadata", {}).setdefault("name", request.route.name)
            created = await self.writer.create(row, request.route.namespace, obj, options)
            return written(request, row, created, status=201)
        return written(request, row, outcome)

    async def _delete(self, row: ResourceRow, request: ApiRequest) -> Answer:
        how = DeleteOptions.parse(await read_object(request, DELETE_OPTIONS), request.query)
        outcome = await self.deleter.delete(target_of(row, request), how, write_options(request))
        if outcome.gone and (row.custom is not None or row.plural not in _RETURNED_WHEN_DELETED):
            return deleted_answer(row, outcome.obj)
        return written(request, row, outcome)

    async def _delete_collection(self, row: ResourceRow, request: ApiRequest) -> Answer:
        how = DeleteOptions.parse(await read_object(request, DELETE_OPTIONS), request.query)
        namespace = request.route.namespace if row.namespaced else ""
        selection = Selection.parse(row, namespace, request.query)
        options, outcomes = write_options(request), []
        for entry in self.store.list(storage_name(row), namespace):
            if not selection.matches(entry.attributes):
                continue
            try:
                target = Target(row, entry.key.namespace, entry.key.name)
                outcomes.append(await self.deleter.delete(target, how, options))
            except NotFound:
                continue
        head = {"kind": f"{row.kind}List", "apiVersion": row.api_version}
        meta = {"resourceVersion": str(self.store.revision)}
        return Answer(
            orjson.dumps({**head, "metadata": meta, "items": [outcome.obj for outcome in outcomes]})
        )


async def _whole_object(row: ResourceRow, request: ApiRequest, options: WriteOptions) -> Json:
    """The body of a create or update; fields that it has twice are told as unknown ones are. Raises BadRequest."""
    body, kind = await read_body(request), request.http.content_type
    obj = decode(body, kind)
    if options.validation is FieldValidation.IGNORE:
        return obj
    twice: list[str] = []
    if kind in YAML_TYPES and body:
        twice = duplicate_keys(body)
        told = "\n  ".join(["yaml: unmarshal errors:", *twice])
    elif kind in JSON_TYPES and body.startswith(b"{"):
        twice = [f'duplicate field "{path}"' for path in duplicate_fields(body, obj)]
        told = ", ".join(twice)
    if twice:
        if options.validation is FieldValidation.STRICT:
            said = f"strict decoding error: {told}"
            raise BadRequest(
                f'{row.kind} in version "{row.version}" cannot be handled as a {row.kind}: {said}'
            )
        options.warnings.extend(twice)
    return obj


def _custom_only(custom: CustomKind, request: ApiRequest) -> None:
    """What holds for custom kinds alone: warnings of old versions, and no protobuf. Raises UnsupportedMediaType."""
    if custom.warning:
        request.warnings.append(custom.warning)
    if request.http.content_type == PROTOBUF and request.route.verb in ("create", "update"):
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include:"
            " application/json, application/yaml"
        )


def target_of(row: ResourceRow, request: ApiRequest) -> Target:
    """The object that a URL names."""
    route = request.route
    return Target(row, route.namespace if row.namespaced else "", route.name, route.subresource)


def patcher(row: ResourceRow, kind: str, patch: Any) -> Make:
    """The change that a patch document makes; a copy that later stages may change."""

    def patched(old: Json) -> Json:
        match kind:
            case "json":
                value = json_patch.apply(old, patch)
            case "merge":
                value = merge_patch.apply(old, patch)
            case _:
                value = strategic_patch.apply(row, old, patch)
        return _copy(value)

    return patched


def written(request: ApiRequest, row: ResourceRow, outcome: Outcome, *, status: int = 200) -> Answer:
    """The answer of a write: the object as stored."""
    if outcome.entry is not None:
        return object_answer(request, wanted(request.accept), row, outcome.entry, status=status)
    return value_answer(request, wanted(request.accept), row, outcome.obj, status=status)


def deleted_answer(row: ResourceRow, obj: Json) -> Answer:
    """The Status of an object that is gone."""
    meta = obj["metadata"]
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details(row, meta["name"], uid=meta["uid"]),
    }
    return Answer(orjson.dumps(status))


def _copy(value: Json) -> Json:
    copy: Json = repacked(value)
    return copy
