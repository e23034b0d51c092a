"""The fake clock stands until it is moved."""

import asyncio

from control.client.clock import FakeClock


async def test_sleepers_wake_in_the_order_of_their_time() -> None:
    clock, woken = FakeClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2):
            group.create_task(sleeper(seconds))
        await clock.settle()
        await clock.advance(1.5)
        assert woken == [(1, 1.0)]
        await clock.advance(10)

    assert woken == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert clock.waiting == 0


async def test_a_cancelled_call_is_not_made() -> None:
    clock, made = FakeClock(), []
    timer = clock.call_later(1, lambda: made.append(1))
    timer.cancel()
    await clock.advance(2)
    assert made == []


async def test_the_wall_clock_moves_with_it() -> None:
    clock = FakeClock()
    before = clock.now()
    await clock.advance(90)
    assert (clock.now() - before).total_seconds() == 90
