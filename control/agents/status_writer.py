"""Writes one pod's status: what is urgent at once, the rest within a second, together what changed meanwhile.

Urgent is what others act on: the pod's addresses, ready, not ready, ended. Each write is read by every node, so a pod
that starts quickly is told of twice: when it has addresses, and when it is ready.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from control.agents.kubelet_tools import KubeletTools
from control.agents.pod_status import OWNED
from control.client.client import ApiUnreachable
from control.client.resources import PODS
from control.errors import ApiError, Conflict, NotFound, TooManyRequests

Json = dict[str, Any]
log = logging.getLogger(__name__)
_RETRY_MOST_S = 10.0
_PATIENCE_S = 1.0


class StatusWriter:
    """Owns what the API server was told last of one pod."""

    def __init__(self, tools: KubeletTools, pod: Json, compute: Callable[[], Json]) -> None:
        meta = pod["metadata"]
        self._client, self._clock, self._lane = tools.client, tools.clock, tools.lane
        self._compute = compute
        self._name, self._namespace, self._uid = meta["name"], meta["namespace"], meta["uid"]
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()
        self._written: Json | None = None
        self._had: Json = pod.get("status") or {}
        self._revision = 0
        self._busy = asyncio.Lock()

    def touch(self, *, urgent: bool = False) -> None:
        """The status may have changed."""
        self._dirty.set()
        if urgent:
            self._urgent.set()

    def seen(self, was: Json, pod: Json) -> None:
        """The object as a watch brought it, and as it was before; most often it is our own status come back.

        What somebody else made of our conditions is written over: a node controller takes readiness from the pods of
        a node that it gave up; nobody else gives it back.
        """
        self.touch(urgent=_asked(was) != _asked(pod))
        if self._written is None or int(pod["metadata"]["resourceVersion"]) <= self._revision:
            return
        there = {c["type"]: c["status"] for c in (pod.get("status") or {}).get("conditions") or []}
        if any(there.get(c["type"]) != c["status"] for c in self._written["conditions"]):
            self._written, self._had = None, {}
            self.touch(urgent=True)

    async def run(self) -> None:
        """Until cancelled, or the pod is gone."""
        retry_s = 0.2
        while True:
            await self._dirty.wait()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._urgent.wait()
            except TimeoutError:
                pass
            try:
                if not await self.write():
                    return
                retry_s = 0.2
            except (ApiUnreachable, ApiError) as error:
                log.info("status of %s/%s: %s", self._namespace, self._name, error)
                self.touch(urgent=True)
                await self._clock.sleep(retry_s)
                retry_s = min(retry_s * 2, _RETRY_MOST_S)

    async def write(self) -> bool:
        """Write what there is to write; False when the pod is not there any more. Raises ApiError, ApiUnreachable."""
        async with self._busy:
            self._dirty.clear()
            self._urgent.clear()
            status = self._compute()
            if status == self._written:
                return True
            if self._written is None and says(self._had, status):
                self._written = status
                return True
            body = {"metadata": {"uid": self._uid}, "status": status}
            try:
                async with self._lane:
                    answer = await self._client.patch(
                        PODS, self._name, self._namespace, body, patch_type="strategic", subresource="status"
                    )
            except NotFound:
                return False
            except Conflict as error:
                # Another pod of the same name, whose uid is not ours, or only too many writers at once.
                if await self._is_gone():
                    return False
                raise TooManyRequests(str(error)) from error
            self._written = status
            self._revision = int(answer["metadata"]["resourceVersion"])
            return True

    async def _is_gone(self) -> bool:
        try:
            there = await self._client.get(PODS, self._name, self._namespace)
        except NotFound:
            return True
        return bool(there["metadata"]["uid"] != self._uid)


def _asked(pod: Json) -> tuple[Any, ...]:
    """What of an object a status answers: its spec, its annotations, its end, and conditions that others own."""
    meta = pod["metadata"]
    others = [c for c in (pod.get("status") or {}).get("conditions") or [] if c["type"] not in OWNED]
    return meta.get("generation"), meta.get("annotations"), meta.get("deletionTimestamp"), others


def says(have: Json, want: Json) -> bool:
    """Whether a status says all that another would write; a kubelet that starts anew writes nothing then."""
    for key, value in want.items():
        if key == "conditions":
            there = {c["type"]: c for c in have.get(key) or []}
            if any(_told(there.get(c["type"], {})) != _told(c) for c in value):
                return False
        elif have.get(key) != value:
            return False
    return True


def _told(condition: Json) -> Json:
    return {key: value for key, value in condition.items() if value is not None}
