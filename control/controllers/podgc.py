"""Pods that nobody will end: their node is gone, they were never placed, or they ended long ago."""

import logging

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.resources import NODES, PODS
from control.controllers.config import ControllerConfig
from control.controllers.metadata import Object, created_at, is_terminating, timestamp_of, uid_of
from control.controllers.pod_state import is_finished
from control.controllers.shared import SharedInformers
from control.errors import ApiError, NotFound

log = logging.getLogger(__name__)


class PodCollector:
    """Looks at all pods from time to time and deletes those for good."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, config: ControllerConfig, clock: Clock
    ) -> None:
        self._client, self._config, self._clock = client, config, clock
        self._pods = informers.of(PODS)
        self._nodes = informers.of(NODES)
        self._gone_since: dict[str, float] = {}

    async def run(self) -> None:
        """Collect every period; never returns."""
        while True:
            await self._clock.sleep(self._config.pod_gc_period_s)
            try:
                await self.collect()
            except (ApiError, ApiUnreachable) as error:
                log.warning("pod collection: %s", error)

    async def collect(self) -> None:
        """One round."""
        pods = list(self._pods.items.values())
        for pod in self._orphans(pods):
            await self._fail(pod)
            await self._force_delete(pod)
        for pod in pods:
            if is_terminating(pod) and not pod["spec"].get("nodeName"):
                await self._force_delete(pod)
        finished = sorted((pod for pod in pods if is_finished(pod)), key=created_at)
        for pod in finished[: max(0, len(finished) - self._config.terminated_pods_kept)]:
            await self._force_delete(pod)

    def _orphans(self, pods: list[Object]) -> list[Object]:
        """Pods of nodes that have been gone for the quarantine."""
        now = self._clock.monotonic()
        homes = {pod["spec"].get("nodeName") for pod in pods} - {None, ""}
        lost = {str(name) for name in homes if name not in self._nodes.items}
        self._gone_since = {name: self._gone_since.get(name, now) for name in lost}
        over = {n for n, since in self._gone_since.items() if now - since >= self._config.pod_gc_quarantine_s}
        return [pod for pod in pods if pod["spec"].get("nodeName") in over]

    async def _fail(self, pod: Object) -> None:
        if is_finished(pod):
            return
        status = dict(pod.get("status") or {})
        others = [c for c in status.get("conditions") or () if c["type"] != "DisruptionTarget"]
        disruption = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "lastTransitionTime": timestamp_of(self._clock.now().timestamp()),
        }
        status |= {"phase": "Failed", "conditions": [*others, disruption]}
        try:
            await self._client.update(PODS, {**pod, "status": status}, subresource="status")
        except NotFound:
            pass

    async def _force_delete(self, pod: Object) -> None:
        metadata = pod["metadata"]
        try:
            await self._client.delete(
                PODS, metadata["name"], metadata["namespace"], grace_s=0, uid=uid_of(pod)
            )
        except NotFound:
            pass
