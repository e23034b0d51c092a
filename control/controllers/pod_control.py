"""Pods made and deleted for an owner: in growing batches, expected until seen, told in Events."""

import asyncio
from collections.abc import Sequence

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.events import EventRecorder
from control.client.resources import PODS
from control.controllers.expectations import Expectations
from control.controllers.metadata import Object, controller_of, is_terminating, uid_of
from control.controllers.ownership import OwnerKind
from control.controllers.replicaset_plan import slow_start
from control.errors import ApiError, NotFound

_AT_ONCE = 16
"""Pods that are created or deleted side by side: more would only open more connections."""

Refusal = ApiError | ApiUnreachable
"""Why a pod could not be made or deleted."""


class PodControl:
    """The hands of a controller whose owners are of one kind."""

    def __init__(self, client: ApiClient, events: EventRecorder, owner_kind: OwnerKind, clock: Clock) -> None:
        self._client, self._events, self._owner_kind, self._clock = client, events, owner_kind, clock
        self._expected = Expectations()
        self._gate = asyncio.Semaphore(_AT_ONCE)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def settled(self, owner: Object) -> bool:
        """Whether all that was asked for the owner has been seen."""
        return self._expected.satisfied(uid_of(owner), self._now())

    def forget(self, owner: Object) -> None:
        """The owner is gone."""
        self._expected.forget(uid_of(owner))

    def observed(self, old: Object | None, new: Object | None) -> list[str]:
        """Note a pod's change; keys of the owners that it concerns."""
        keys = []
        if new is not None and old is None and not is_terminating(new):
            owner = self._owner_of(new)
            if owner:
                self._expected.created(owner[1])
        for pod in (old, new):
            owner = self._owner_of(pod) if pod else None
            if pod and owner:
                if is_terminating(pod) or new is None:
                    self._expected.deleted(owner[1], uid_of(pod))
                keys.append(owner[0])
        return keys

    def _owner_of(self, pod: Object) -> tuple[str, str] | None:
        """Key and uid of the owner of our kind that controls the pod."""
        reference = controller_of(pod)
        if reference is None or reference["kind"] != self._owner_kind.kind:
            return None
        return f"{pod['metadata']['namespace']}/{reference['name']}", reference["uid"]

    async def create(self, owner: Object, pods: Sequence[Object]) -> Refusal | None:
        """Create; the first refusal, after which no further batch is begun."""
        uid, left = uid_of(owner), list(pods)
        self._expected.expect_creations(uid, len(left), self._now())
        for size in slow_start(len(left)):
            batch, left = left[:size], left[size:]
            answers = await asyncio.gather(*(self._create_one(owner, pod) for pod in batch))
            refusals = [answer for answer in answers if answer]
            if refusals:
                self._expected.created(uid, len(refusals) + len(left))
                return refusals[0]
        return None

    async def _create_one(self, owner: Object, pod: Object) -> Refusal | None:
        try:
            async with self._gate:
                created = await self._client.create(PODS, pod)
        except (ApiError, ApiUnreachable) as error:
            if _namespace_is_going(error):
                return None  # the owner is about to be deleted too; what it expects never comes, so it rests
            self.tell(owner, "FailedCreate", f"Error creating: {error}", failed=True)
            return error
        self.tell(owner, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return None

    async def delete(self, owner: Object, pods: Sequence[Object]) -> Refusal | None:
        """Delete; the first refusal."""
        self._expected.expect_deletions(uid_of(owner), [uid_of(pod) for pod in pods], self._now())
        answers = await asyncio.gather(*(self._delete_one(owner, pod) for pod in pods))
        return next((answer for answer in answers if answer), None)

    async def _delete_one(self, owner: Object, pod: Object) -> Refusal | None:
        name = pod["metadata"]["name"]
        try:
            async with self._gate:
                await self._client.delete(PODS, name, pod["metadata"]["namespace"], uid=uid_of(pod))
        except NotFound:
            self._expected.deleted(uid_of(owner), uid_of(pod))
            return None
        except (ApiError, ApiUnreachable) as error:
            self._expected.deleted(uid_of(owner), uid_of(pod))
            self.tell(owner, "FailedDelete", f"Error deleting: {error}", failed=True)
            return error
        self.tell(owner, "SuccessfulDelete", f"Deleted pod: {name}")
        return None

    def tell(self, owner: Object, reason: str, message: str, *, failed: bool = False) -> None:
        """An Event about the owner."""
        about = {**owner, "apiVersion": self._owner_kind.resource.api_version, "kind": self._owner_kind.kind}
        self._events.event(about, "Warning" if failed else "Normal", reason, message)


def _namespace_is_going(error: Refusal) -> bool:
    """Refused because the namespace is being deleted: nobody wants to read that of each pod."""
    return isinstance(error, ApiError) and any(c.reason == "NamespaceTerminating" for c in error.causes)
