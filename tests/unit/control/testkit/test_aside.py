"""Work beside a running loop."""

import asyncio
import threading

from control.testkit.aside import aside


def test_without_a_loop_it_is_done_here():
    assert aside(threading.get_ident) == threading.get_ident()


def test_with_a_loop_it_is_done_in_another_thread_that_may_run_one():
    async def nothing() -> int:
        return threading.get_ident()

    async def cell() -> int:
        return aside(lambda: asyncio.run(nothing()))

    assert asyncio.run(cell()) != threading.get_ident()
