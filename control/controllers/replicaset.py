"""ReplicaSets: as many active pods as asked for, made from the template."""

import asyncio

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import PODS, REPLICASETS
from control.client.workqueue import WorkQueue
from control.controllers.expectations import Expectations
from control.controllers.metadata import (
    Object,
    controller_of,
    is_terminating,
    key_of,
    labels_of,
    uid_of,
)
from control.controllers.ownership import OwnerKind, RefManager
from control.controllers.replicaset_plan import (
    ReplicaSetPlan,
    new_pod,
    plan,
    seconds_to_available,
    slow_start,
    status,
)
from control.controllers.shared import NAMESPACE, OWNER, SharedInformers, candidates
from control.errors import ApiError, NotFound
from control.schema.selector import LabelSelector

_AT_ONCE = 16
"""Pods that are created or deleted side by side: more would only open more connections."""
_GATHER_S = 0.01
"""Changes of pods that come within this time are one reconcile: it looks at all pods of the ReplicaSet."""

Refusal = ApiError | ApiUnreachable
"""Why a pod could not be made or deleted."""


class ReplicaSetController(Controller):
    """Watches ReplicaSets and pods; creates, adopts, releases and deletes pods."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("replicaset", WorkQueue(clock), self.reconcile)
        self._client, self._events, self._clock = client, events, clock
        self._owners = RefManager(client, OwnerKind(REPLICASETS, "ReplicaSet"))
        self._expected = Expectations()
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._replica_sets = informers.of(REPLICASETS)
        self._pods = informers.of(PODS)
        self._replica_sets.on_change(self._replica_set_changed)
        self._pods.on_change(self._pod_changed)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _replica_set_changed(self, old: Object | None, new: Object | None) -> None:
        if old and (new is None or uid_of(new) != uid_of(old)):
            self._expected.forget(uid_of(old))
        obj = new or old
        if obj:
            self.queue.add(key_of(obj))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            owner = self._owner_of(new)
            if old is None and owner and not is_terminating(new):
                self._expected.created(owner[1])
            if owner is None and controller_of(new) is None:
                self._wake_matching(new)
        for pod in (old, new):
            owner = self._owner_of(pod) if pod else None
            if pod and owner:
                if is_terminating(pod) or new is None:
                    self._expected.deleted(owner[1], uid_of(pod))
                self.queue.add_after(owner[0], _GATHER_S)

    @staticmethod
    def _owner_of(pod: Object) -> tuple[str, str] | None:
        """Key and uid of the ReplicaSet that controls the pod."""
        reference = controller_of(pod)
        if reference is None or reference["kind"] != "ReplicaSet":
            return None
        return f"{pod['metadata']['namespace']}/{reference['name']}", reference["uid"]

    def _wake_matching(self, pod: Object) -> None:
        for replica_set in self._replica_sets.by_index(NAMESPACE, pod["metadata"]["namespace"]):
            if LabelSelector.from_json(replica_set["spec"]["selector"]).matches(labels_of(pod)):
                self.queue.add(key_of(replica_set))

    async def reconcile(self, key: str) -> float | None:
        """Bring the ReplicaSet of that key to its number of pods, and its status up to date."""
        replica_set = self._replica_sets.items.get(key)
        if replica_set is None:
            return None
        uid = uid_of(replica_set)
        failure: Refusal | None = None
        ready_to_act = self._expected.satisfied(uid, self._now())
        selector = LabelSelector.from_json(replica_set["spec"]["selector"])
        pods = await self._owners.claimed(replica_set, selector, PODS, candidates(self._pods, replica_set))
        if ready_to_act:
            step = plan(replica_set, pods, self._related(replica_set), self._now())
            failure = await self._carry_out(replica_set, step)
        again_s = await self._write_status(replica_set, pods, str(failure or ""))
        if failure:
            raise failure
        return again_s

    def _related(self, replica_set: Object) -> list[Object]:
        """Pods of all ReplicaSets that share the owner: they stand for the same application."""
        reference = controller_of(replica_set)
        siblings = self._replica_sets.by_index(OWNER, reference["uid"]) if reference else [replica_set]
        return [pod for rs in siblings for pod in self._pods.by_index(OWNER, uid_of(rs))]

    async def _carry_out(self, replica_set: Object, step: ReplicaSetPlan) -> Refusal | None:
        """Create or delete; the first refusal, if any."""
        if step.create:
            return await self._create(replica_set, step.create)
        if step.delete:
            return await self._delete(replica_set, step.delete)
        return None

    async def _create(self, replica_set: Object, count: int) -> Refusal | None:
        uid = uid_of(replica_set)
        self._expected.expect_creations(uid, count, self._now())
        pod, left = new_pod(replica_set, "apps/v1", "ReplicaSet"), count
        for size in slow_start(count):
            answers = await asyncio.gather(*(self._create_one(replica_set, pod) for _ in range(size)))
            failures = [answer for answer in answers if answer]
            left -= size
            if failures:
                self._expected.created(uid, len(failures) + left)
                return failures[0]
        return None

    async def _create_one(self, replica_set: Object, pod: Object) -> Refusal | None:
        try:
            async with self._gate:
                created = await self._client.create(PODS, pod)
        except (ApiError, ApiUnreachable) as error:
            self._tell(replica_set, "FailedCreate", f"Error creating: {error}", failed=True)
            return error
        self._tell(replica_set, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return None

    async def _delete(self, replica_set: Object, pods: list[Object]) -> Refusal | None:
        uids = [uid_of(pod) for pod in pods]
        self._expected.expect_deletions(uid_of(replica_set), uids, self._now())
        failures = await asyncio.gather(*(self._delete_one(replica_set, pod) for pod in pods))
        return next((failure for failure in failures if failure), None)

    async def _delete_one(self, replica_set: Object, pod: Object) -> Refusal | None:
        name = pod["metadata"]["name"]
        try:
            async with self._gate:
                await self._client.delete(PODS, name, pod["metadata"]["namespace"], uid=uid_of(pod))
        except NotFound:
            self._expected.deleted(uid_of(replica_set), uid_of(pod))
            return None
        except (ApiError, ApiUnreachable) as error:
            self._expected.deleted(uid_of(replica_set), uid_of(pod))
            self._tell(replica_set, "FailedDelete", f"Error deleting: {error}", failed=True)
            return error
        self._tell(replica_set, "SuccessfulDelete", f"Deleted pod: {name}")
        return None

    async def _write_status(self, replica_set: Object, pods: list[Object], failure: str) -> float | None:
        now = self._now()
        wanted = status(replica_set, pods, failure, now)
        if wanted != (replica_set.get("status") or {}):
            body = {**replica_set, "status": wanted}
            try:
                await self._client.update(REPLICASETS, body, subresource="status")
            except NotFound:
                return None
        return seconds_to_available(replica_set, pods, now)

    def _tell(self, replica_set: Object, reason: str, message: str, *, failed: bool = False) -> None:
        about = {**replica_set, "apiVersion": "apps/v1", "kind": "ReplicaSet"}
        self._events.event(about, "Warning" if failed else "Normal", reason, message)
