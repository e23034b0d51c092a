"""What the API itself writes into an object's metadata. Pure but for the clock and randomness."""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from control.api.refusals import conflict
from control.api.request import Json
from control.errors import BadRequest, Cause, Invalid
from control.schema.resource import ResourceRow

_NAME_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED_LETTERS: Final = 5
_GENERATED_TRIES: Final = 8
_NAME_MOST: Final = 63
_SET_BY_US: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
_KEPT: Final = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in whole seconds, as Time stands in JSON."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_kind(row: ResourceRow, obj: Json) -> None:
    """Fill in or check apiVersion and kind. Raises BadRequest."""
    api_version, kind = obj.get("apiVersion"), obj.get("kind")
    if kind and kind != row.kind:
        raise BadRequest(f"the object provided is unrecognized (must be of type {row.kind}): it is a {kind}")
    if api_version and api_version != row.api_version:
        raise BadRequest(
            f"the API version in the data ({api_version}) does not match the expected API version ({row.api_version})"
        )
    obj["apiVersion"], obj["kind"] = row.api_version, row.kind


def check_namespace(row: ResourceRow, obj: Json, namespace: str) -> None:
    """Fill in or check metadata.namespace. Raises BadRequest."""
    meta = _meta(obj)
    if not row.namespaced:
        meta.pop("namespace", None)
        return
    if not namespace:
        raise BadRequest("an empty namespace may not be set during creation")
    given = meta.get("namespace")
    if given and given != namespace:
        raise BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    meta["namespace"] = namespace


def set_for_create(row: ResourceRow, obj: Json, taken: Callable[[str], bool]) -> None:
    """Name (from generateName: one that is not ``taken``), uid and creationTimestamp of a new object.

    Raises BadRequest, Invalid.
    """
    meta = _meta(obj)
    if meta.get("resourceVersion"):
        raise BadRequest("resourceVersion should not be set on objects to be created")
    for field in (*_SET_BY_US, "resourceVersion"):
        meta.pop(field, None)
    if not meta.get("name"):
        base = meta.get("generateName")
        if not base:
            why = "name or generateName is required"
            raise Invalid(
                f'{row.kind} "" is invalid: metadata.name: Required value: {why}',
                causes=[Cause("FieldValueRequired", f"Required value: {why}", "metadata.name")],
                details={"group": row.group, "kind": row.kind} if row.group else {"kind": row.kind},
            )
        for _ in range(_GENERATED_TRIES):
            meta["name"] = generated_name(base)
            if not taken(meta["name"]):
                break
    # Not from the kernel each time, which costs more than the rest of the metadata; random is seeded anew at fork.
    meta["uid"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
    meta["creationTimestamp"] = timestamp()


def generated_name(base: str) -> str:
    """``base`` and five letters that spell no word, 63 in all at most."""
    return base[: _NAME_MOST - _GENERATED_LETTERS] + "".join(
        random.choices(_NAME_LETTERS, k=_GENERATED_LETTERS)
    )


def keep_for_update(row: ResourceRow, new: Json, old: Json) -> None:
    """What an update can't change; its resourceVersion and uid are preconditions. Raises BadRequest, Conflict."""
    meta, before = _meta(new), old["metadata"]
    name = before["name"]
    given = meta.get("name")
    if given and given != name:
        raise BadRequest(f"the name of the object ({given}) does not match the name on the URL ({name})")
    revision, uid = meta.get("resourceVersion"), meta.get("uid")
    if revision and revision != "0" and revision != before["resourceVersion"]:
        raise conflict(row, name)
    if uid and uid != before["uid"]:
        raise conflict(row, name, precondition("UID", uid, before["uid"]))
    meta["name"] = name
    for field in _KEPT:
        if field in before:
            meta[field] = before[field]
        else:
            meta.pop(field, None)
    meta.pop("selfLink", None)
    if "managedFields" not in meta and "managedFields" in before:
        meta["managedFields"] = before["managedFields"]


def precondition(what: str, wanted: str, have: str) -> str:
    """Upstream's words for a precondition that failed."""
    return f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {have}"


def _meta(obj: Json) -> Json:
    meta = obj.get("metadata")
    if meta is None:
        meta = obj["metadata"] = {}
    if not isinstance(meta, dict):
        raise BadRequest("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    return meta
