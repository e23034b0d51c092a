"""Pods that wait to be placed: ready ones by priority, those that back off, and those that fit nowhere.

A pod that fits nowhere is tried again when something happens that could change that (``moved``), not by
polling; a long time-out catches what events missed.
"""

import asyncio
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from control.client.clock import Clock
from control.scheduler.config import SchedulerConfig
from control.scheduler.pod_info import PodInfo


@dataclass(slots=True)
class Waiting:
    """A pod in the queue. plugins: the rules that refused it at its last try."""

    pod: PodInfo
    since: float
    attempts: int = 0
    plugins: frozenset[str] = frozenset()
    failed_at: float = 0.0
    place: str = field(default="active")


class SchedulingQueue:
    """Three rooms: active, back-off, unschedulable. A pod is in one of them, or being placed."""

    def __init__(self, config: SchedulerConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._pods: dict[str, Waiting] = {}
        self._heap: list[tuple[int, float, int, str]] = []
        self._count = 0
        self._moves = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pods)

    def add(self, pod: PodInfo) -> None:
        """A pod without a node came, or changed in a way that may let it fit."""
        waiting = self._pods.get(pod.uid)
        if waiting is None:
            waiting = Waiting(pod, self._clock.monotonic())
            self._pods[pod.uid] = waiting
            self._activate(waiting)
            return
        waiting.pod = pod
        if waiting.place == "unschedulable":
            self._activate_or_back_off(waiting)

    def remove(self, uid: str) -> None:
        """It was placed, or it is gone."""
        self._pods.pop(uid, None)

    @property
    def moves(self) -> int:
        """Number of ``moved`` calls so far: an attempt that saw fewer judged an older cluster."""
        return self._moves

    async def pop(self) -> Waiting:
        """The next pod to place: highest priority, then longest wait."""
        while True:
            while self._heap:
                _, _, _, uid = heapq.heappop(self._heap)
                waiting = self._pods.get(uid)
                if waiting is not None and waiting.place == "active":
                    waiting.place = "in hand"
                    waiting.attempts += 1
                    return waiting
            self._wake.clear()
            await self._wake.wait()

    def failed(self, waiting: Waiting, plugins: Iterable[str], moves_seen: int) -> None:
        """It fits nowhere (plugins say why), or, without plugins, its binding failed."""
        if self._pods.get(waiting.pod.uid) is not waiting:
            return
        waiting.plugins, waiting.failed_at = frozenset(plugins), self._clock.monotonic()
        if not waiting.plugins or moves_seen != self._moves:
            self._back_off(waiting)
        else:
            waiting.place = "unschedulable"

    def moved(self, plugins: Iterable[str] | None = None) -> None:
        """Something happened that may help pods refused by these rules (None: any)."""
        self._moves += 1
        helped = None if plugins is None else frozenset(plugins)
        for waiting in list(self._pods.values()):
            if waiting.place == "unschedulable" and (helped is None or waiting.plugins & helped):
                self._activate_or_back_off(waiting)

    def flush(self) -> None:
        """Try again what has been unschedulable for very long."""
        now = self._clock.monotonic()
        for waiting in list(self._pods.values()):
            old = now - waiting.failed_at >= self._config.unschedulable_flush_s
            if waiting.place == "unschedulable" and old:
                self._activate(waiting)

    def backoff_s(self, waiting: Waiting) -> float:
        """Seconds from the last failure to the next try."""
        doubled = self._config.backoff_initial_s * 2.0 ** min(waiting.attempts - 1, 30)
        return min(doubled, self._config.backoff_max_s)

    def _activate(self, waiting: Waiting) -> None:
        waiting.place = "active"
        self._count += 1
        heapq.heappush(self._heap, (-waiting.pod.priority, waiting.since, self._count, waiting.pod.uid))
        self._wake.set()

    def _activate_or_back_off(self, waiting: Waiting) -> None:
        left = waiting.failed_at + self.backoff_s(waiting) - self._clock.monotonic()
        if left > 0 and waiting.attempts:
            self._back_off(waiting)
        else:
            self._activate(waiting)

    def _back_off(self, waiting: Waiting) -> None:
        waiting.place = "backoff"
        left = waiting.failed_at + self.backoff_s(waiting) - self._clock.monotonic()
        self._clock.call_later(max(left, 0.0), lambda: self._backed_off(waiting))

    def _backed_off(self, waiting: Waiting) -> None:
        if self._pods.get(waiting.pod.uid) is waiting and waiting.place == "backoff":
            self._activate(waiting)
