"""Pods that wait: order, back-off, and what wakes them."""

import asyncio

import pytest

from control.client.clock import FakeClock
from control.scheduler.config import SchedulerConfig
from control.scheduler.pod_info import pod_info
from control.scheduler.queue import SchedulingQueue


def pod(name, priority=0):
    metadata = {"name": name, "namespace": "shop", "uid": name}
    return pod_info({"metadata": metadata, "spec": {"containers": [], "priority": priority}})


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def queue(clock):
    return SchedulingQueue(SchedulerConfig(), clock)


async def _next(queue):
    """The name of the next pod, None when there is none now."""
    task = asyncio.ensure_future(queue.pop())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if not task.done():
        task.cancel()
        return None
    return task.result()


async def test_higher_priority_comes_first_then_the_longer_wait(queue, clock):
    queue.add(pod("a"))
    await clock.advance(1)
    queue.add(pod("b"))
    queue.add(pod("c", priority=10))

    assert [(await _next(queue)).pod.name for _ in range(3)] == ["c", "a", "b"]


async def test_a_pod_that_fits_nowhere_waits_for_an_event_that_may_help(queue, clock):
    queue.add(pod("a"))
    waiting = await _next(queue)
    queue.failed(waiting, {"NodeResourcesFit"}, queue.moves)
    await clock.advance(60)
    assert await _next(queue) is None

    queue.moved({"InterPodAffinity"})
    assert await _next(queue) is None

    queue.moved({"NodeResourcesFit"})
    assert (await _next(queue)).pod.name == "a"


async def test_back_off_doubles_up_to_ten_seconds(queue, clock):
    queue.add(pod("a"))
    waits = []
    for _ in range(6):
        waiting = await _next(queue)
        waits.append(queue.backoff_s(waiting))
        queue.failed(waiting, (), queue.moves)
        await clock.advance(queue.backoff_s(waiting))

    assert waits == [1, 2, 4, 8, 10, 10]


async def test_an_event_during_the_attempt_is_not_lost(queue, clock):
    queue.add(pod("a"))
    waiting, seen = await _next(queue), queue.moves
    queue.moved()
    queue.failed(waiting, {"NodeAffinity"}, seen)

    assert await _next(queue) is None
    await clock.advance(1)
    assert (await _next(queue)).pod.name == "a"


async def test_what_events_missed_is_tried_again_after_five_minutes(queue, clock):
    queue.add(pod("a"))
    queue.failed(await _next(queue), {"NodeAffinity"}, queue.moves)
    await clock.advance(299)
    queue.flush()
    assert await _next(queue) is None

    await clock.advance(1)
    queue.flush()
    assert (await _next(queue)).pod.name == "a"


async def test_a_pod_that_is_gone_is_never_handed_out(queue):
    queue.add(pod("a"))
    queue.remove("a")

    assert await _next(queue) is None
    assert len(queue) == 0
