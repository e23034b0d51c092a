"""Node lifecycle: a node that fell silent becomes Unknown, is tainted, and its pods stop being ready."""

import asyncio
import logging

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import LEASES, NODES, PODS
from control.client.workqueue import WorkQueue
from control.controllers.config import ControllerConfig
from control.controllers.metadata import Object, is_terminating, timestamp_of
from control.controllers.node_health import (
    Heartbeat,
    ready_status,
    sign_of,
    taints_of,
    unknown_conditions,
    wanted_taints,
    zone_state,
)
from control.controllers.pod_state import condition_of
from control.controllers.shared import NODE, SharedInformers
from control.errors import ApiError, Conflict, NotFound
from control.names import NODE_LEASE_NAMESPACE

log = logging.getLogger(__name__)


class NodeLifecycleController(Controller):
    """Watches nodes and their leases; writes node conditions, taints and the readiness of lost pods."""

    def __init__(
        self,
        client: ApiClient,
        informers: SharedInformers,
        events: EventRecorder,
        config: ControllerConfig,
        clock: Clock,
    ) -> None:
        super().__init__("node-lifecycle", WorkQueue(clock), self.reconcile)
        self._client, self._events, self._config, self._clock = client, events, config, clock
        self._nodes = informers.of(NODES)
        self._leases = informers.of(LEASES)
        self._pods = informers.of(PODS)
        self._heard: dict[str, Heartbeat] = {}
        self._next_eviction_at = 0.0
        self._nodes.on_change(self._node_changed)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            name = new["metadata"]["name"]
            self.queue.add(name)
            if old is not None and ready_status(old) == "True" != ready_status(new):
                about = {**new, "apiVersion": "v1", "kind": "Node"}
                self._events.event(
                    about, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady"
                )
        elif old is not None:
            self._heard.pop(old["metadata"]["name"], None)

    async def monitor(self) -> None:
        """Look at all heartbeats every period; never returns."""
        looked_at = self._clock.monotonic()
        while True:
            self._excuse_own_silence(self._clock.monotonic() - looked_at)
            looked_at = self._clock.monotonic()
            for name in list(self._nodes.items):
                try:
                    await self.examine(name)
                except (ApiError, ApiUnreachable) as error:
                    log.warning("node %s: %s", name, error)
            await self._clock.sleep(self._config.node_monitor_period_s)

    def _excuse_own_silence(self, elapsed_s: float) -> None:
        """An observer that was itself stopped (a paused or overloaded machine) has heard nobody meanwhile."""
        late_s = elapsed_s - 2 * self._config.node_monitor_period_s
        if late_s > 0:
            for heard in self._heard.values():
                heard.at += late_s

    async def examine(self, name: str) -> None:
        """Compare one node's sign of life with the last one; too old a one makes it Unknown."""
        node = self._nodes.items.get(name)
        if node is None:
            return
        sign, now = (
            sign_of(node, self._leases.items.get(f"{NODE_LEASE_NAMESPACE}/{name}")),
            self._clock.monotonic(),
        )
        heard = self._heard.get(name)
        if heard is None or heard.sign != sign:
            self._heard[name] = Heartbeat(sign, now)
            return
        never = condition_of(node, "Ready") is None
        grace_s = self._config.node_startup_grace_s if never else self._config.node_monitor_grace_s
        if now - heard.at <= grace_s or ready_status(node) == "Unknown":
            if ready_status(node) != "True":
                self.queue.add(name)
            return
        status = dict(node.get("status") or {})
        status["conditions"] = unknown_conditions(node, self._clock.now().timestamp())
        await self._client.update(NODES, {**node, "status": status}, subresource="status")
        log.info("node %s has been silent for %.0f s", name, now - heard.at)

    async def reconcile(self, key: str) -> float | None:
        """Taints of the node of that name, and its pods' readiness, follow its conditions."""
        node = self._nodes.items.get(key)
        if node is None:
            return None
        healthy = ready_status(node) in ("True", "")
        evict = None if healthy else self._may_evict(node)
        now = self._clock.now().timestamp()
        taints = wanted_taints(node, evict=evict, now=now)
        if taints != taints_of(node):
            body = {
                "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
                "spec": {"taints": taints or None},
            }
            await self._client.patch(NODES, key, None, body)
        if not healthy:
            await self._mark_pods(node)
        # The eviction rate may have said "not yet"; the monitor's next look brings the node here again.
        return None

    def _may_evict(self, node: Object) -> bool:
        """Whether the NoExecute taint may be put on now: at the rate, and never when all nodes are lost."""
        if any(
            t["effect"] == "NoExecute" and t["key"].startswith("node.kubernetes.io/") for t in taints_of(node)
        ):
            return True
        state, now = zone_state(self._nodes.items), self._clock.monotonic()
        if state.all_lost or state.partly_lost or now < self._next_eviction_at:
            return False
        self._next_eviction_at = now + 1.0 / self._config.node_eviction_rate
        return True

    async def _mark_pods(self, node: Object) -> None:
        """Pods of an unhealthy node are not ready: Services stop sending to them."""
        name = node["metadata"]["name"]
        lost = [pod for pod in self._pods.by_index(NODE, name) if _ready(pod)]
        await asyncio.gather(*(self._mark_pod(pod) for pod in lost))

    async def _mark_pod(self, pod: Object) -> None:
        status = dict(pod["status"])
        now = timestamp_of(self._clock.now().timestamp())
        status["conditions"] = [
            {**c, "status": "False", "lastTransitionTime": now} if c["type"] == "Ready" else c
            for c in status["conditions"]
        ]
        try:
            await self._client.update(PODS, {**pod, "status": status}, subresource="status")
        except (NotFound, Conflict):
            return
        about = {**pod, "apiVersion": "v1", "kind": "Pod"}
        if not is_terminating(pod):
            self._events.event(about, "Warning", "NodeNotReady", "Node is not ready")


def _ready(pod: Object) -> bool:
    condition = condition_of(pod, "Ready")
    return condition is not None and condition.get("status") == "True"
