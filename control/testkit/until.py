"""Waiting for a condition instead of for time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_EVERY_S = 0.02


def until(condition: Callable[[], T], within_s: float = 10.0, *, what: str = "") -> T:
    """The condition's first true value; it is asked every 20 ms.

    While it raises AssertionError, OSError or LookupError it counts as not true yet; the last of these is shown
    when the time is over. Raises AssertionError then; what: the claim, for the message.
    """
    deadline = time.monotonic() + within_s
    last: BaseException | object = None
    while True:
        try:
            last = value = condition()
            if value:
                return value
        except (AssertionError, OSError, LookupError) as error:
            last = error
        if time.monotonic() > deadline:
            claim = what or getattr(condition, "__doc__", None) or "the condition"
            raise AssertionError(f"not within {within_s:g} s: {claim}; last: {last!r}")
        time.sleep(_EVERY_S)
