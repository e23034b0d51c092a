"""ControllerRevisions: the history of a DaemonSet's or StatefulSet's pod template."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

from control.client.client import ApiClient
from control.client.informer import Informer
from control.client.resources import CONTROLLERREVISIONS
from control.controllers.metadata import Object, controller_reference, is_controlled_by, labels_of
from control.controllers.ownership import OwnerKind
from control.controllers.revision import template_hash
from control.controllers.shared import candidates
from control.errors import AlreadyExists, NotFound

HASH = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class History:
    """Revisions of an owner, oldest first, and which is the present template's."""

    revisions: list[Object]
    current: Object

    @property
    def hash(self) -> str:
        """What pods of the present template are labelled with."""
        return hash_of(self.current)


def hash_of(revision: Object) -> str:
    """The label's value of a revision."""
    return labels_of(revision).get(HASH) or str(revision["metadata"]["name"])


def template_of(revision: Object) -> Object:
    """The pod template that a revision holds."""
    template = deepcopy(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return dict(template)


def fresh_revision(owner: Object, owner_kind: OwnerKind, number: int) -> Object:
    """The revision of the owner's present template."""
    template = deepcopy(owner["spec"]["template"])
    collisions = int((owner.get("status") or {}).get("collisionCount") or 0)
    suffix = template_hash(template, collisions)
    name = f"{owner['metadata']['name']}-{suffix}"
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH: suffix}
    if owner_kind.kind == "StatefulSet":
        labels[HASH] = name
    reference = controller_reference(owner, owner_kind.resource.api_version, owner_kind.kind)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": labels,
            "ownerReferences": [reference],
        },
        "data": {"spec": {"template": {**template, "$patch": "replace"}}},
        "revision": number,
    }


def present_revision(owner: Object, revisions: Iterable[Object]) -> Object | None:
    """The revision that holds the owner's present template, if there is one."""
    template = owner["spec"]["template"]
    return next((r for r in revisions if template_of(r) == template), None)


async def keep_history(
    client: ApiClient, informer: Informer, owner: Object, owner_kind: OwnerKind, in_use: frozenset[str]
) -> History:
    """Make, renumber and limit the owner's revisions.

    in_use: hashes that pods carry; their revisions stay.
    """
    mine = [r for r in candidates(informer, owner) if is_controlled_by(r, owner)]
    revisions = sorted(mine, key=lambda r: int(r["revision"]))
    newest = int(revisions[-1]["revision"]) if revisions else 0
    current = present_revision(owner, revisions)
    if current is None:
        current = await _create(client, fresh_revision(owner, owner_kind, newest + 1))
        revisions.append(current)
    elif int(current["revision"]) < newest:
        current = await client.update(CONTROLLERREVISIONS, {**current, "revision": newest + 1})
        revisions = [r for r in revisions if r["metadata"]["name"] != current["metadata"]["name"]] + [current]
    limit = owner["spec"].get("revisionHistoryLimit")
    kept = in_use | {hash_of(current)}
    spare = [r for r in revisions if hash_of(r) not in kept]
    for revision in spare[: max(0, len(spare) - (10 if limit is None else int(limit)))]:
        metadata = revision["metadata"]
        try:
            await client.delete(CONTROLLERREVISIONS, metadata["name"], metadata["namespace"])
        except NotFound:
            pass
        revisions.remove(revision)
    return History(revisions, current)


async def _create(client: ApiClient, revision: Object) -> Object:
    try:
        return await client.create(CONTROLLERREVISIONS, revision)
    except AlreadyExists:
        metadata = revision["metadata"]
        return await client.get(CONTROLLERREVISIONS, metadata["name"], metadata["namespace"])
