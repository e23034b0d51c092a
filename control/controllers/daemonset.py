"""DaemonSets: one pod on every node that fits."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import CONTROLLERREVISIONS, DAEMONSETS, NODES, PODS
from control.client.workqueue import WorkQueue
from control.controllers.controller_revision import HASH, keep_history
from control.controllers.daemonset_plan import daemon_pod, plan, status
from control.controllers.metadata import Object, key_of, labels_of, uid_of
from control.controllers.ownership import OwnerKind, RefManager
from control.controllers.pod_control import PodControl, Refusal
from control.controllers.replicaset_plan import seconds_to_available
from control.controllers.shared import SharedInformers, candidates
from control.errors import NotFound
from control.schema.selector import LabelSelector

_KIND = OwnerKind(DAEMONSETS, "DaemonSet")
_GATHER_S = 0.01


class DaemonSetController(Controller):
    """Watches DaemonSets, nodes and pods; creates and deletes pods, keeps ControllerRevisions."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("daemonset", WorkQueue(clock), self.reconcile)
        self._client, self._clock = client, clock
        self._owners = RefManager(client, _KIND)
        self._hands = PodControl(client, events, _KIND, clock)
        self._daemon_sets = informers.of(DAEMONSETS)
        self._nodes = informers.of(NODES)
        self._pods = informers.of(PODS)
        self._revisions = informers.of(CONTROLLERREVISIONS)
        self._daemon_sets.on_change(self._daemon_set_changed)
        self._nodes.on_change(self._node_changed)
        self._pods.on_change(self._pod_changed)

    def _daemon_set_changed(self, old: Object | None, new: Object | None) -> None:
        if old and (new is None or uid_of(new) != uid_of(old)):
            self._hands.forget(old)
        obj = new or old
        if obj:
            self.queue.add(key_of(obj))

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if old and new and _placing(old) == _placing(new):
            return
        for key in self._daemon_sets.items:
            self.queue.add(key)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for key in self._hands.observed(old, new):
            self.queue.add_after(key, _GATHER_S)

    async def reconcile(self, key: str) -> float | None:
        """One step for the DaemonSet of that key."""
        daemon_set = self._daemon_sets.items.get(key)
        if daemon_set is None:
            return None
        selector = LabelSelector.from_json(daemon_set["spec"]["selector"])
        settled = self._hands.settled(daemon_set)
        pods = await self._owners.claimed(daemon_set, selector, PODS, candidates(self._pods, daemon_set))
        in_use = frozenset(labels_of(pod).get(HASH, "") for pod in pods)
        history = await keep_history(self._client, self._revisions, daemon_set, _KIND, in_use)
        failure = await self._step(daemon_set, pods, history.hash) if settled else None
        now = self._clock.now().timestamp()
        wanted = status(daemon_set, self._nodes.items, pods, history.hash, now)
        if wanted != (daemon_set.get("status") or {}):
            try:
                await self._client.update(DAEMONSETS, {**daemon_set, "status": wanted}, subresource="status")
            except NotFound:
                return None
        if failure:
            raise failure
        return seconds_to_available(daemon_set, pods, now)

    async def _step(self, daemon_set: Object, pods: list[Object], revision_hash: str) -> Refusal | None:
        now = self._clock.now().timestamp()
        step = plan(daemon_set, self._nodes.items, pods, revision_hash, now)
        failure = None
        if step.delete:
            failure = await self._hands.delete(daemon_set, step.delete)
        elif step.create:
            made = [daemon_pod(daemon_set, node, revision_hash) for node in step.create]
            failure = await self._hands.create(daemon_set, made)
        return failure


def _placing(node: Object) -> tuple[object, ...]:
    """All of a node that a DaemonSet asks about."""
    return labels_of(node), node["spec"].get("taints")
