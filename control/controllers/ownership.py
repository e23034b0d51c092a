"""Who owns what: adopt and release by selector and controller reference, as upstream's ref manager."""

from collections.abc import Iterable
from dataclasses import dataclass

from control.client.client import ApiClient
from control.client.resources import Resource
from control.controllers.metadata import (
    Object,
    controller_of,
    controller_reference,
    is_terminating,
    labels_of,
    uid_of,
)
from control.errors import Conflict, NotFound
from control.schema.selector import LabelSelector


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner has, what it wants to adopt, and what it lets go."""

    owned: list[Object]
    adopt: list[Object]
    release: list[Object]


def claim(owner: Object, selector: LabelSelector, objects: Iterable[Object]) -> Claim:
    """Judge each object: owned and matching stays; owned and not matching goes; a matching orphan comes."""
    result = Claim([], [], [])
    dying = is_terminating(owner)
    for obj in objects:
        reference, matches = controller_of(obj), selector.matches(labels_of(obj))
        if reference is not None:
            if reference.get("uid") != uid_of(owner):
                continue
            if matches:
                result.owned.append(obj)
            elif not dying:
                result.release.append(obj)
        elif matches and not dying and not is_terminating(obj):
            result.adopt.append(obj)
    return result


@dataclass(frozen=True, slots=True)
class OwnerKind:
    """A kind of owner and the resource through which it is read again before it adopts."""

    resource: Resource
    kind: str


class RefManager:
    """Carries a claim out."""

    def __init__(self, client: ApiClient, owner_kind: OwnerKind) -> None:
        self._client, self._owner_kind = client, owner_kind

    async def claimed(
        self, owner: Object, selector: LabelSelector, resource: Resource, objects: Iterable[Object]
    ) -> list[Object]:
        """The owner's objects after adopting and releasing."""
        result = claim(owner, selector, objects)
        for obj in result.release:
            kept = [r for r in obj["metadata"]["ownerReferences"] if r.get("uid") != uid_of(owner)]
            await self._write_owners(resource, obj, kept)
        adopted = []
        if result.adopt and await self._still_there(owner):
            reference = controller_reference(
                owner, self._owner_kind.resource.api_version, self._owner_kind.kind
            )
            for obj in result.adopt:
                owners = [*(obj["metadata"].get("ownerReferences") or []), reference]
                changed = await self._write_owners(resource, obj, owners)
                if changed:
                    adopted.append(changed)
        return result.owned + adopted

    async def _still_there(self, owner: Object) -> bool:
        """Whether the API, not only our cache, says that the owner lives: it might be gone meanwhile."""
        metadata = owner["metadata"]
        try:
            fresh = await self._client.get(self._owner_kind.resource, metadata["name"], metadata["namespace"])
        except NotFound:
            return False
        return uid_of(fresh) == uid_of(owner) and not is_terminating(fresh)

    async def _write_owners(self, resource: Resource, obj: Object, owners: list[Object]) -> Object | None:
        metadata = obj["metadata"]
        body = {
            "metadata": {
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
                "ownerReferences": owners,
            }
        }
        try:
            return await self._client.patch(resource, metadata["name"], metadata["namespace"], body)
        except (NotFound, Conflict):
            return None  # gone or changed meanwhile: its event brings us here again
