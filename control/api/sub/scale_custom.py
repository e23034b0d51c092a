"""The scale subresource of custom kinds: where its replicas and selector stand, their definition says."""

from collections.abc import Callable
from typing import Any

from control.api.refusals import invalid
from control.api.request import Json
from control.errors import BadRequest, Cause, InternalError
from control.schema.resource import ResourceRow


def custom_scale(row: ResourceRow) -> Callable[[Json], Json]:
    """An object of a custom kind → its autoscaling/v1 Scale."""
    custom = row.custom
    assert custom is not None
    spec, status = custom.path("specReplicasPath"), custom.path("statusReplicasPath")
    selector = custom.path("labelSelectorPath")

    def shown(obj: Json) -> Json:
        meta = obj["metadata"]
        wanted = spec.first(obj) if spec is not None else None
        if wanted is None:
            told = (custom.scale or {}).get("specReplicasPath", "")
            raise InternalError(f'the spec replicas field "{told}" does not exist')
        have = status.first(obj) if status is not None else None
        below: Json = {"replicas": have if type(have) is int else 0}
        chosen = selector.first(obj) if selector is not None else None
        if chosen:
            below["selector"] = chosen
        kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {key: meta[key] for key in kept if key in meta},
            "spec": {"replicas": wanted} if wanted else {},
            "status": below,
        }

    return shown


def custom_scaled(row: ResourceRow, old: Json, scale: Json) -> Json:
    """The object with a Scale's replicas at its path."""
    path = row.custom.path("specReplicasPath") if row.custom is not None else None
    assert path is not None
    new = preconditions(old, scale)
    here: Any = new
    for field in path.fields[:-1]:
        here[field] = dict(here.get(field) or {})
        here = here[field]
    here[path.fields[-1]] = replicas_of(row, old, scale)
    return new


def replicas_of(row: ResourceRow, old: Json, scale: Json) -> int:
    """The number that a Scale asks for. Raises BadRequest, Invalid."""
    meta, name = scale.get("metadata") or {}, old["metadata"]["name"]
    if meta.get("name", name) != name:
        raise BadRequest(
            f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
        )
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    if not isinstance(replicas, int) or replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(row, name, [Cause("FieldValueInvalid", why, "spec.replicas")])
    return replicas


def preconditions(old: Json, scale: Json) -> Json:
    """The object with the Scale's uid and resourceVersion in place of its own: they are preconditions."""
    meta = scale.get("metadata") or {}
    asked = {key: meta[key] for key in ("uid", "resourceVersion") if meta.get(key)}
    kept = {key: value for key, value in old["metadata"].items() if key not in ("uid", "resourceVersion")}
    return {**old, "metadata": kept | asked}
