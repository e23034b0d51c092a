"""ReplicaSets: as many active pods as asked for, made from the template."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import PODS, REPLICASETS
from control.client.workqueue import WorkQueue
from control.controllers.metadata import Object, controller_of, key_of, labels_of, uid_of
from control.controllers.ownership import OwnerKind, RefManager
from control.controllers.pod_control import PodControl, Refusal
from control.controllers.replicaset_plan import new_pod, plan, seconds_to_available, status
from control.controllers.shared import NAMESPACE, OWNER, SharedInformers, candidates
from control.errors import NotFound
from control.schema.selector import LabelSelector

_KIND = OwnerKind(REPLICASETS, "ReplicaSet")
_GATHER_S = 0.01
"""Changes of pods that come within this time are one reconcile: it looks at all pods of the ReplicaSet."""


class ReplicaSetController(Controller):
    """Watches ReplicaSets and pods; creates, adopts, releases and deletes pods."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("replicaset", WorkQueue(clock), self.reconcile)
        self._client, self._clock = client, clock
        self._owners = RefManager(client, _KIND)
        self._hands = PodControl(client, events, _KIND, clock)
        self._replica_sets = informers.of(REPLICASETS)
        self._pods = informers.of(PODS)
        self._replica_sets.on_change(self._replica_set_changed)
        self._pods.on_change(self._pod_changed)

    def _replica_set_changed(self, old: Object | None, new: Object | None) -> None:
        if old and (new is None or uid_of(new) != uid_of(old)):
            self._hands.forget(old)
        obj = new or old
        if obj:
            self.queue.add(key_of(obj))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for key in self._hands.observed(old, new):
            self.queue.add_after(key, _GATHER_S)
        if new is not None and controller_of(new) is None:
            self._wake_matching(new)

    def _wake_matching(self, pod: Object) -> None:
        for replica_set in self._replica_sets.by_index(NAMESPACE, pod["metadata"]["namespace"]):
            if LabelSelector.from_json(replica_set["spec"]["selector"]).matches(labels_of(pod)):
                self.queue.add(key_of(replica_set))

    async def reconcile(self, key: str) -> float | None:
        """Bring the ReplicaSet of that key to its number of pods, and its status up to date."""
        replica_set = self._replica_sets.items.get(key)
        if replica_set is None:
            return None
        settled = self._hands.settled(replica_set)
        selector = LabelSelector.from_json(replica_set["spec"]["selector"])
        pods = await self._owners.claimed(replica_set, selector, PODS, candidates(self._pods, replica_set))
        failure = await self._bring_to_size(replica_set, pods) if settled else None
        again_s = await self._write_status(replica_set, pods, str(failure or ""))
        if failure:
            raise failure
        return again_s

    async def _bring_to_size(self, replica_set: Object, pods: list[Object]) -> Refusal | None:
        step = plan(replica_set, pods, self._related(replica_set), self._clock.now().timestamp())
        if step.create:
            pod = new_pod(replica_set, "apps/v1", "ReplicaSet")
            return await self._hands.create(replica_set, [pod] * step.create)
        return await self._hands.delete(replica_set, step.delete) if step.delete else None

    def _related(self, replica_set: Object) -> list[Object]:
        """Pods of all ReplicaSets that share the owner: they stand for the same application."""
        reference = controller_of(replica_set)
        siblings = self._replica_sets.by_index(OWNER, reference["uid"]) if reference else [replica_set]
        return [pod for rs in siblings for pod in self._pods.by_index(OWNER, uid_of(rs))]

    async def _write_status(self, replica_set: Object, pods: list[Object], failure: str) -> float | None:
        now = self._clock.now().timestamp()
        wanted = status(replica_set, pods, failure, now)
        if wanted != (replica_set.get("status") or {}):
            body = {**replica_set, "status": wanted}
            try:
                await self._client.update(REPLICASETS, body, subresource="status")
            except NotFound:
                return None
        return seconds_to_available(replica_set, pods, now)
