"""The work queue: once each, never twice at a time, later when asked."""

import asyncio

import pytest

from control.client.clock import FakeClock
from control.client.controller import Controller
from control.client.workqueue import QueueClosed, WorkQueue
from control.errors import Conflict


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock)


async def test_a_key_waits_once_however_often_it_is_added(queue: WorkQueue) -> None:
    for _ in range(3):
        queue.add("a")
    queue.add("b")

    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert len(queue) == 0


async def test_a_key_that_is_worked_on_comes_again_after_done(queue: WorkQueue) -> None:
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    assert len(queue) == 0

    queue.done(key)
    assert await queue.get() == "a"


async def test_delays_run_on_the_clock_and_the_earlier_holds(queue: WorkQueue, clock: FakeClock) -> None:
    queue.add_after("a", 10)
    queue.add_after("a", 3)
    queue.add_after("a", 20)

    await clock.advance(2.9)
    assert len(queue) == 0
    await clock.advance(0.2)
    assert len(queue) == 1
    await clock.advance(60)
    assert len(queue) == 1


async def test_failures_wait_longer_each_time_until_forgotten(queue: WorkQueue, clock: FakeClock) -> None:
    waits = []
    for _ in range(3):
        queue.add_rate_limited("a")
        before = clock.monotonic()
        while not len(queue):
            await clock.advance(0.001)
        waits.append(round(clock.monotonic() - before, 3))
        queue.done(await queue.get())

    assert waits == [0.005, 0.01, 0.02]
    queue.forget("a")
    assert queue.failures("a") == 0


async def test_workers_that_wait_end_when_it_is_shut_down(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.shut_down()

    with pytest.raises(QueueClosed):
        await waiting


async def test_a_controller_reconciles_retries_and_comes_back(queue: WorkQueue, clock: FakeClock) -> None:
    calls: list[str] = []

    async def reconcile(key: str) -> float | None:
        calls.append(key)
        match len(calls):
            case 1:
                raise Conflict("the object has been modified")
            case 2:
                raise RuntimeError("a bug in the reconciler")
            case 3:
                return 30.0
        return None

    async with asyncio.TaskGroup() as group:
        task = group.create_task(Controller("test", queue, reconcile).run(workers=2))
        queue.add("a")
        for _ in range(5):
            await clock.advance(0.1)
        assert calls == ["a"] * 3
        await clock.advance(29)
        assert calls == ["a"] * 3
        await clock.advance(2)
        assert calls == ["a"] * 4
        queue.shut_down()
        await task


async def test_a_key_is_never_worked_on_by_two(queue: WorkQueue) -> None:
    at_once, most = 0, 0

    async def reconcile(_: str) -> float | None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        queue.add("a") if at_once < 3 else None
        await asyncio.sleep(0)
        at_once -= 1
        return None

    async with asyncio.TaskGroup() as group:
        group.create_task(Controller("test", queue, reconcile).run(workers=5))
        queue.add("a")
        for _ in range(50):
            await asyncio.sleep(0)
        queue.shut_down()
    assert most == 1
