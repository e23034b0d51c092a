"""Time as a value that is passed in, so that leases and back-off run on a fake clock in tests."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """The call won't be made."""
        ...


class Clock(Protocol):
    """What leases, queues and back-off know of time."""

    def now(self) -> datetime:
        """Wall-clock time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of this clock."""
        ...

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Make ``call`` once after ``seconds``, from the event loop."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """asyncio's sleep."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """The running loop's timer."""
        return asyncio.get_running_loop().call_later(seconds, call)


class _FakeTimer:
    """A due call of a FakeClock."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forget the call."""
        self.call = None


class FakeClock:
    """A clock that stands until ``advance`` moves it."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._due: list[tuple[float, int, _FakeTimer]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """Start plus what was advanced."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed_s

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Made by the ``advance`` that passes its time."""
        timer = _FakeTimer(call)
        heapq.heappush(self._due, (self._elapsed_s + seconds, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        """Return once ``advance`` has passed the time."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Move on, making due calls in order and letting tasks run between them."""
        target = self._elapsed_s + seconds
        while self._due and self._due[0][0] <= target:
            self._elapsed_s, _, timer = heapq.heappop(self._due)
            if timer.call is not None:
                timer.call()
            await self.settle()
        self._elapsed_s = target
        await self.settle()

    @staticmethod
    async def settle(rounds: int = 20) -> None:
        """Let tasks that are ready run, ``rounds`` turns of the loop."""
        for _ in range(rounds):
            await asyncio.sleep(0)

    @property
    def waiting(self) -> int:
        """How many calls are still due."""
        return sum(1 for _, _, timer in self._due if timer.call is not None)
