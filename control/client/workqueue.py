"""A queue of keys for reconcilers: a key waits once, is worked on by one worker, and backs off on failure."""

import asyncio
from collections import deque
from typing import Final

from control.client.clock import Clock, SystemClock, Timer

RETRY_FIRST_S: Final = 0.005
RETRY_MOST_S: Final = 60.0


class QueueClosed(Exception):
    """The queue was shut down; workers end."""


class WorkQueue:
    """Keys to reconcile, with client-go's semantics.

    A key that is added while it is worked on comes again after ``done``. Delays run on ``clock``.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._ready: deque[str] = deque()
        self._dirty: set[str] = set()
        self._working: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, tuple[float, Timer]] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: str) -> None:
        """Let ``key`` be worked on; once, however often it is added meanwhile."""
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._working:
            self._ready.append(key)
            self._wake.set()

    def add_after(self, key: str, seconds: float) -> None:
        """Add after ``seconds``; of two delays for one key the earlier holds."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + seconds
        if (waiting := self._timers.get(key)) is not None:
            if waiting[0] <= due:
                return
            waiting[1].cancel()
        self._timers[key] = (due, self._clock.call_later(seconds, lambda: self._due(key)))

    def _due(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def add_rate_limited(self, key: str) -> None:
        """Add after a delay that doubles with each failure, until ``forget``."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(RETRY_FIRST_S * 2 ** min(failures, 20), RETRY_MOST_S))

    def forget(self, key: str) -> None:
        """The key went well: its next failure waits the shortest time again."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        """How often it failed since the last ``forget``."""
        return self._failures.get(key, 0)

    async def get(self) -> str:
        """The next key; the caller calls ``done`` with it. Raises QueueClosed after ``shut_down``."""
        while not self._ready:
            if self._closed:
                raise QueueClosed
            self._wake.clear()
            await self._wake.wait()
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        """The worker has finished with ``key``."""
        self._working.discard(key)
        if key in self._dirty:
            self._ready.append(key)
            self._wake.set()

    def shut_down(self) -> None:
        """Wake all workers with QueueClosed once the queue is empty, and drop what is delayed."""
        self._closed = True
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wake.set()
