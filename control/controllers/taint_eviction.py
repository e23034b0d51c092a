"""Taint eviction: pods leave a node with a NoExecute taint that they do not tolerate (any longer)."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import NODES, PODS
from control.client.workqueue import WorkQueue
from control.controllers.metadata import Object, is_terminating, key_of, seconds_of, timestamp_of, uid_of
from control.controllers.node_health import seconds_tolerated, taints_of
from control.controllers.shared import NODE, SharedInformers
from control.errors import NotFound


class TaintEvictionController(Controller):
    """Watches nodes and pods; deletes pods when their toleration has run out."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("taint-eviction", WorkQueue(clock), self.reconcile)
        self._client, self._events, self._clock = client, events, clock
        self._nodes = informers.of(NODES)
        self._pods = informers.of(PODS)
        self._nodes.on_change(self._node_changed)
        self._pods.on_change(self._pod_changed)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or (old is not None and _evicting(old) == _evicting(new)):
            return
        for pod in self._pods.by_index(NODE, new["metadata"]["name"]):
            self.queue.add(key_of(pod))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        node = self._nodes.items.get(new["spec"].get("nodeName") or "")
        if node is not None and _evicting(node):
            self.queue.add(key_of(new))

    async def reconcile(self, key: str) -> float | None:
        """Delete the pod of that key when its time on a tainted node is over, or say when that will be."""
        pod = self._pods.items.get(key)
        node = self._nodes.items.get(pod["spec"].get("nodeName") or "") if pod else None
        if pod is None or node is None or is_terminating(pod):
            return None
        taints = _evicting(node)
        if not taints:
            return None
        stays_s = seconds_tolerated(pod["spec"].get("tolerations") or (), taints)
        if stays_s is None:
            return None
        now = self._clock.now().timestamp()
        since = max((seconds_of(t.get("timeAdded")) for t in taints if t.get("timeAdded")), default=now)
        left_s = since + stays_s - now
        if left_s > 0 and stays_s > 0:
            return left_s
        await self._evict(pod, now)
        return None

    async def _evict(self, pod: Object, now: float) -> None:
        metadata = pod["metadata"]
        text = f"Marking for deletion Pod {metadata['namespace']}/{metadata['name']}"
        self._events.event({**pod, "apiVersion": "v1", "kind": "Pod"}, "Normal", "TaintManagerEviction", text)
        status = dict(pod.get("status") or {})
        disruption = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": timestamp_of(now),
        }
        others = [c for c in status.get("conditions") or () if c["type"] != "DisruptionTarget"]
        status["conditions"] = [*others, disruption]
        try:
            await self._client.update(PODS, {**pod, "status": status}, subresource="status")
            await self._client.delete(PODS, metadata["name"], metadata["namespace"], uid=uid_of(pod))
        except NotFound:
            pass


def _evicting(node: Object) -> list[Object]:
    return [t for t in taints_of(node) if t["effect"] == "NoExecute"]
