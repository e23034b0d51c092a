"""The loop of every controller: take a key, reconcile it, back off when that fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from control.client.client import ApiUnreachable
from control.client.workqueue import QueueClosed, WorkQueue
from control.errors import ApiError, Conflict

log = logging.getLogger(__name__)

Reconcile = Callable[[str], Awaitable[float | None]]


class Controller:
    """Workers on a queue.

    reconcile: ``async (key) -> None | seconds``; seconds asks to be called again after them.
    A failure is logged and the key comes again with back-off; a Conflict is ordinary and not logged.
    """

    def __init__(self, name: str, queue: WorkQueue, reconcile: Reconcile) -> None:
        self.name = name
        self.queue = queue
        self._reconcile = reconcile

    async def run(self, workers: int = 1) -> None:
        """Work until cancelled, or until the queue is shut down."""
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(), name=f"{self.name}-{number}")

    async def _work(self) -> None:
        while True:
            try:
                key = await self.queue.get()
            except QueueClosed:
                return
            try:
                await self._once(key)
            finally:
                self.queue.done(key)

    async def _once(self, key: str) -> None:
        try:
            again_s = await self._reconcile(key)
        except Conflict:
            self.queue.add_rate_limited(key)
        except (ApiError, ApiUnreachable) as error:
            log.warning("%s %s: %s", self.name, key, error)
            self.queue.add_rate_limited(key)
        except Exception:
            log.exception("%s %s failed", self.name, key)
            self.queue.add_rate_limited(key)
        else:
            self.queue.forget(key)
            if again_s is not None:
                self.queue.add_after(key, again_s)
