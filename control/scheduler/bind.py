"""Telling the API where a pod goes, or why it goes nowhere."""

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.events import EventRecorder
from control.client.resources import PODS
from control.errors import ApiError, NotFound
from control.scheduler.requests import Object


class Binder:
    """Writes bindings, and the PodScheduled condition of pods that fit nowhere."""

    def __init__(self, client: ApiClient, events: EventRecorder, clock: Clock) -> None:
        self._client, self._events, self._clock = client, events, clock

    async def bind(self, pod: Object, node: str) -> bool:
        """Bind; False when the API refused or did not answer."""
        metadata = pod["metadata"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "target": {"kind": "Node", "name": node},
        }
        try:
            await self._client.create(
                PODS, binding, metadata["namespace"], name=metadata["name"], subresource="binding"
            )
        except NotFound:
            return False
        except (ApiError, ApiUnreachable) as error:
            self._tell(pod, "FailedScheduling", f"binding rejected: {error}", failed=True)
            return False
        text = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
        self._tell(pod, "Scheduled", text)
        return True

    async def refuse(self, pod: Object, message: str) -> None:
        """Say in the pod's status and in an Event why it was not placed."""
        self._tell(pod, "FailedScheduling", message, failed=True)
        metadata, status = pod["metadata"], pod.get("status") or {}
        before = next((c for c in status.get("conditions") or () if c["type"] == "PodScheduled"), None)
        same = before is not None and before["status"] == "False"
        if before and same and before.get("message") == message:
            return
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": before["lastTransitionTime"] if before and same else now,
            "lastProbeTime": None,
        }
        body = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}}
        try:
            await self._client.patch(
                PODS,
                metadata["name"],
                metadata["namespace"],
                body,
                patch_type="strategic",
                subresource="status",
            )
        except (ApiError, ApiUnreachable):
            pass  # gone or changed meanwhile; the next try writes it again

    def _tell(self, pod: Object, reason: str, message: str, *, failed: bool = False) -> None:
        about = {**pod, "apiVersion": "v1", "kind": "Pod"}
        self._events.event(about, "Warning" if failed else "Normal", reason, message)
