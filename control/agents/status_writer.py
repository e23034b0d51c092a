"""Writes one pod's status: at once when it changed, together what changed meanwhile, again after a failure."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.resources import PODS
from control.errors import ApiError, Conflict, NotFound

Json = dict[str, Any]
log = logging.getLogger(__name__)
_RETRY_MOST_S = 10.0


class StatusWriter:
    """Owns what the API server was told last of one pod."""

    def __init__(self, client: ApiClient, clock: Clock, pod: Json, compute: Callable[[], Json]) -> None:
        meta = pod["metadata"]
        self._client, self._clock, self._compute = client, clock, compute
        self._name, self._namespace, self._uid = meta["name"], meta["namespace"], meta["uid"]
        self._dirty = asyncio.Event()
        self._written: Json | None = None
        self._busy = asyncio.Lock()

    def touch(self) -> None:
        """The status may have changed."""
        self._dirty.set()

    async def run(self) -> None:
        """Until cancelled, or the pod is gone."""
        retry_s = 0.2
        while True:
            await self._dirty.wait()
            try:
                if not await self.write():
                    return
                retry_s = 0.2
            except (ApiUnreachable, ApiError) as error:
                log.info("status of %s/%s: %s", self._namespace, self._name, error)
                self._dirty.set()
                await self._clock.sleep(retry_s)
                retry_s = min(retry_s * 2, _RETRY_MOST_S)

    async def write(self) -> bool:
        """Write what there is to write; False when the pod is not there any more. Raises ApiError, ApiUnreachable."""
        async with self._busy:
            self._dirty.clear()
            status = self._compute()
            if status == self._written:
                return True
            body = {"metadata": {"uid": self._uid}, "status": status}
            try:
                await self._client.patch(
                    PODS, self._name, self._namespace, body, patch_type="strategic", subresource="status"
                )
            except (NotFound, Conflict):
                # Gone, or another pod of the same name: its uid is not ours.
                return False
            self._written = status
            return True
