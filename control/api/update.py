"""PUT: an object that is not there is made, if it is of a kind that upstream makes so."""

from typing import Final

import orjson

from control.api.admission.attempt import WriteOptions
from control.api.metadata import precondition
from control.api.refusals import conflict
from control.api.request import Json
from control.api.write import Outcome, Target, Writer
from control.errors import AlreadyExists, BadRequest, NotFound

CREATED: Final = frozenset((
    "endpoints", "events", "limitranges", "services", "events.events.k8s.io", "leases.coordination.k8s.io",
    "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
    "runtimeclasses.node.k8s.io",
))  # fmt: skip
"""Kinds whose strategy upstream says yes to ``AllowCreateOnUpdate``."""
_TRIES: Final = 3


async def update_or_create(
    writer: Writer, target: Target, packed: bytes, options: WriteOptions
) -> tuple[Outcome, bool]:
    """Replace the object by ``packed`` (its JSON), or make it; tells whether it was made.

    Raises as ``Writer.change`` and ``Writer.create``.
    """
    for _ in range(_TRIES):
        try:
            return await writer.change(target, lambda _: _fresh(packed), options), False
        except NotFound:
            if target.subresource or target.row.qualified not in CREATED:
                raise
        try:
            made = await writer.create(target.row, target.namespace, _new(target, packed), options)
        except AlreadyExists:
            continue  # another client was faster: theirs is updated
        return made, True
    raise conflict(target.row, target.name)


def _new(target: Target, packed: bytes) -> Json:
    """The object to be made, under the URL's name. Raises BadRequest, Conflict."""
    obj = _fresh(packed)
    meta = obj.get("metadata")
    if not isinstance(meta, dict):
        meta = obj["metadata"] = {}
    given = meta.get("name")
    if given and given != target.name:
        raise BadRequest(
            f"the name of the object ({given}) does not match the name on the URL ({target.name})"
        )
    if meta.get("uid"):  # the client means an object that was there
        raise conflict(target.row, target.name, precondition("UID", meta["uid"], ""))
    meta.pop("resourceVersion", None)
    meta["name"] = target.name
    return obj


def _fresh(packed: bytes) -> Json:
    value: Json = orjson.loads(packed)
    return value
