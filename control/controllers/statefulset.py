"""StatefulSets: pods with numbers, names and a fixed order."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import CONTROLLERREVISIONS, PERSISTENTVOLUMECLAIMS, PODS, STATEFULSETS
from control.client.workqueue import WorkQueue
from control.controllers.controller_revision import HASH, History, hash_of, keep_history, template_of
from control.controllers.metadata import Object, key_of, labels_of, uid_of
from control.controllers.ownership import OwnerKind, RefManager
from control.controllers.pod_control import PodControl, Refusal
from control.controllers.replicaset_plan import seconds_to_available
from control.controllers.shared import SharedInformers, candidates
from control.controllers.statefulset_plan import (
    Revisions,
    claims_of,
    numbered_pod,
    ordinal_of,
    plan,
    status,
)
from control.errors import AlreadyExists, NotFound
from control.schema.selector import LabelSelector

_KIND = OwnerKind(STATEFULSETS, "StatefulSet")
_GATHER_S = 0.01


class StatefulSetController(Controller):
    """Watches StatefulSets and pods; creates and deletes pods in order, makes their claims."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("statefulset", WorkQueue(clock), self.reconcile)
        self._client, self._clock = client, clock
        self._owners = RefManager(client, _KIND)
        self._hands = PodControl(client, events, _KIND, clock)
        self._sets = informers.of(STATEFULSETS)
        self._pods = informers.of(PODS)
        self._revisions = informers.of(CONTROLLERREVISIONS)
        self._sets.on_change(self._set_changed)
        self._pods.on_change(self._pod_changed)

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        if old and (new is None or uid_of(new) != uid_of(old)):
            self._hands.forget(old)
        if new:
            self.queue.add(key_of(new))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for key in self._hands.observed(old, new):
            self.queue.add_after(key, _GATHER_S)

    async def reconcile(self, key: str) -> float | None:
        """One step for the StatefulSet of that key."""
        stateful_set = self._sets.items.get(key)
        if stateful_set is None:
            return None
        selector = LabelSelector.from_json(stateful_set["spec"]["selector"])
        settled = self._hands.settled(stateful_set)
        own = [p for p in candidates(self._pods, stateful_set) if ordinal_of(stateful_set, p) is not None]
        pods = await self._owners.claimed(stateful_set, selector, PODS, own)
        before = (stateful_set.get("status") or {}).get("currentRevision") or ""
        in_use = frozenset({before, *(labels_of(pod).get(HASH, "") for pod in pods)})
        history = await keep_history(self._client, self._revisions, stateful_set, _KIND, in_use)
        known = {hash_of(revision) for revision in history.revisions}
        revisions = Revisions(before if before in known else history.hash, history.hash)
        failure = await self._step(stateful_set, pods, revisions, history) if settled else None
        now = self._clock.now().timestamp()
        wanted = status(stateful_set, pods, revisions, now)
        if wanted != (stateful_set.get("status") or {}):
            try:
                await self._client.update(
                    STATEFULSETS, {**stateful_set, "status": wanted}, subresource="status"
                )
            except NotFound:
                return None
        if failure:
            raise failure
        return seconds_to_available(stateful_set, pods, now)

    async def _step(
        self, stateful_set: Object, pods: list[Object], revisions: Revisions, history: History
    ) -> Refusal | None:
        by_ordinal = {ordinal: pod for pod in pods if (ordinal := ordinal_of(stateful_set, pod)) is not None}
        step = plan(stateful_set, by_ordinal, revisions, self._clock.now().timestamp())
        if step.delete:
            return await self._hands.delete(stateful_set, step.delete)
        templates = {hash_of(revision): template_of(revision) for revision in history.revisions}
        made = []
        for ordinal, revision in step.create:
            await self._make_claims(stateful_set, ordinal)
            made.append(numbered_pod(stateful_set, templates[revision], ordinal, revision))
        return await self._hands.create(stateful_set, made) if made else None

    async def _make_claims(self, stateful_set: Object, ordinal: int) -> None:
        for claim in claims_of(stateful_set, ordinal):
            try:
                await self._client.create(PERSISTENTVOLUMECLAIMS, claim)
            except AlreadyExists:
                pass
