"""Commands that run until somebody ends them: Ctrl-C or SIGTERM as a descriptor, so that they end in good order."""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def until_told() -> Iterator[int]:
    """A descriptor that gets readable at Ctrl-C or SIGTERM."""
    told = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    before = {
        number: signal.signal(number, lambda *_: os.eventfd_write(told, 1))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)


@contextmanager
def rounds(seconds: float) -> Iterator[Iterator[None]]:
    """Go round until Ctrl-C, SIGTERM, or so many seconds (0: without end) are over; the body waits by itself."""
    with until_told() as stop:
        deadline = time.monotonic() + seconds if seconds else float("inf")

        def each() -> Iterator[None]:
            while time.monotonic() < deadline and not select.select([stop], [], [], 0)[0]:
                yield

        yield each()
