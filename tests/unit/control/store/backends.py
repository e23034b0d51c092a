"""The stores that the contract's suite is run against: a new one is a line in ``BACKENDS``."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from control.store import database, history
from control.store.contract import Attributes, Key, Store
from control.store.sqlite import SqliteStore

NOTHING = Attributes({}, {})


@dataclass(frozen=True, slots=True)
class Backend:
    """How to open a store whose data stands below a directory, and to make its history short.

    open: the same directory gives the same data again, once the store before it is closed.
    keep: for the rest of a test, about so many events are kept (at most ``count`` + ``count`` // 2).
    """

    open: Callable[[Path], AbstractAsyncContextManager[Store]]
    keep: Callable[[pytest.MonkeyPatch, int], None]


def _sqlite_keeps(patch: pytest.MonkeyPatch, count: int) -> None:
    patch.setattr(history, "EVENTS_KEPT", count)
    patch.setattr(database, "EVENTS_KEPT", count)
    patch.setattr(database, "COMPACT_STEP", max(count // 2, 1))


BACKENDS = {"sqlite": Backend(lambda directory: SqliteStore(directory / "store.db"), _sqlite_keeps)}


def pod(name: str, **labels: str) -> tuple[Key, dict[str, object], Attributes]:
    """What a write of a pod takes."""
    meta = {"name": name, "namespace": "shop", "labels": labels}
    return Key("/pods", "shop", name), {"metadata": meta}, Attributes(labels, {})
