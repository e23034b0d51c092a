"""The scale subresource: spec.replicas of a workload as an autoscaling/v1 Scale."""

from functools import reduce
from typing import Any, Final, cast

import orjson

from control.api.bodies import decode_patch, patch_type, read_body, read_object, repacked
from control.api.read import Reader
from control.api.refusals import not_allowed
from control.api.request import Answer, ApiRequest, Json
from control.api.sub.scale_custom import custom_scale, custom_scaled, preconditions, replicas_of
from control.api.views import parsed
from control.api.write import Target, Writer
from control.api.write_options import as_apply, write_options
from control.errors import BadRequest
from control.schema import json_patch, merge_patch
from control.schema.apply import apply_patch
from control.schema.resource import ResourceRow
from control.schema.structure import check_message

_SCALE: Final = "k8s.io.api.autoscaling.v1.Scale"


class ScaleSubresource:
    """GET, PUT and PATCH of ``…/scale``."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """Answer one request. Raises ApiError."""
        shown, scaled = (scale_of, _scaled) if row.custom is None else (custom_scale(row), custom_scaled)
        route = request.route
        if route.verb == "get":
            entry = self._reader.entry(row, route.namespace, route.name)
            return Answer(orjson.dumps(shown(parsed(row, entry))))
        if route.verb == "update":
            body = await read_object(request, _SCALE)
            outcome = await self._writer.change(
                Target(row, route.namespace, route.name),
                lambda old: scaled(row, old, body),
                write_options(request),
            )
            return Answer(orjson.dumps(shown(outcome.obj)))
        if route.verb == "patch":
            kind = patch_type(request)
            patch = decode_patch(await read_body(request), kind)
            if kind == "apply":
                return Answer(orjson.dumps(shown(await self._applied(row, request, patch))))
            apply = json_patch.apply if kind == "json" else merge_patch.apply
            outcome = await self._writer.change(
                Target(row, route.namespace, route.name),
                lambda old: scaled(row, old, _checked(apply(shown(old), patch))),
                write_options(request),
            )
            return Answer(orjson.dumps(shown(outcome.obj)))
        raise not_allowed()

    async def _applied(self, row: ResourceRow, request: ApiRequest, patch: Any) -> Json:
        """The workload after an apply of its Scale, whose replicas it owns from then on, by way of ``scale``."""
        options = write_options(request)
        as_apply(request, options)
        if not isinstance(patch, dict):
            raise BadRequest("the apply patch is no object")
        scale = _checked(patch)
        wanted = scale.get("spec") or {}
        custom = row.custom.path("specReplicasPath") if row.custom is not None else None
        fields = custom.fields if custom is not None else ("spec", "replicas")

        def applied(live: Json | None) -> Json:
            assert live is not None
            part: Json = {"apiVersion": row.api_version, "kind": row.kind}
            part["metadata"] = {"name": live["metadata"]["name"]}
            if "replicas" in wanted:
                replicas = replicas_of(row, live, scale)
                part |= reduce(lambda inner, field: {field: inner}, reversed(fields), cast(Any, replicas))
            merged = apply_patch(
                row, live, part, manager=options.manager, force=options.force, subresource="scale"
            )
            whole: Json = repacked(preconditions(merged, scale))
            return whole

        route = request.route
        return (await self._writer.change(Target(row, route.namespace, route.name), applied, options)).obj


def _checked(scale: Json) -> Json:
    """A Scale of the right structure, as a copy. Raises BadRequest."""
    copy: Json = repacked(scale)
    check_message(_SCALE, copy).refuse(strict=False)
    return copy


def scale_of(obj: Json) -> Json:
    """The Scale of a Deployment, ReplicaSet, StatefulSet or ReplicationController."""
    meta, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    wanted: Json = {"replicas": spec.get("replicas", 0)} if spec.get("replicas") else {}
    shown: Json = {"replicas": status.get("replicas", 0)}
    if selector := _selector_text(spec.get("selector")):
        shown["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": wanted,
        "status": shown,
    }


def _selector_text(selector: Json | None) -> str:
    if not selector:
        return ""
    labels = selector.get("matchLabels", selector if "matchExpressions" not in selector else {})
    parts = [f"{key}={value}" for key, value in sorted(labels.items())]
    for wanted in selector.get("matchExpressions") or ():
        key, values = wanted["key"], ",".join(sorted(wanted.get("values") or ()))
        match wanted["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)


def _scaled(row: ResourceRow, old: Json, scale: Json) -> Json:
    """The workload with a Scale's replicas; the Scale's metadata are preconditions."""
    replicas = replicas_of(row, old, scale)
    return {**preconditions(old, scale), "spec": {**old.get("spec", {}), "replicas": replicas}}
