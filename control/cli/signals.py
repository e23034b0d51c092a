"""Signals that end a command in an orderly way, so that it puts back what it changed."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Ended(BaseException):
    """A signal that ends the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def ended_by_signals() -> Iterator[Callable[[], None]]:
    """The first SIGINT, SIGTERM or SIGHUP raises Ended in the block, unless what is yielded was called before."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, _frame: object) -> None:
        ignore()  # a second one must not stop the clearing
        raise Ended(number)

    def ignore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield ignore
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
