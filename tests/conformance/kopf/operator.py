"""The operator under test, run by `kopf run`: what its handlers do it writes into the file JOURNAL, line by line."""

import os
from pathlib import Path
from typing import Any

import kopf

JOURNAL, OPEN = Path(os.environ["JOURNAL"]), Path(os.environ["GATE"])


def note(*words: object) -> None:
    """One line, whole or not at all."""
    with JOURNAL.open("a") as journal:
        journal.write(" ".join(map(str, words)) + "\n")


@kopf.on.startup()
def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    """No pauses that a test would have to wait for."""
    settings.persistence.consistency_timeout = 5
    settings.networking.error_backoffs = [0.1, 0.2, 0.5]
    settings.watching.reconnect_backoff = 0.1


@kopf.on.create("stores")
def count(name: str, spec: kopf.Spec, **_: Any) -> dict[str, int]:
    """Done at once: a restart must not do it again."""
    note("count", name, spec["size"])
    return {"counted": spec["size"]}


@kopf.on.create("stores")
def open_doors(name: str, retry: int, **_: Any) -> None:
    """Waits for its gate, over restarts."""
    if not OPEN.exists():
        note("waits", name, retry)
        raise kopf.TemporaryError("the gate is closed", delay=0.3)
    note("opened", name)


@kopf.on.resume("stores")
def resume(name: str, **_: Any) -> None:
    """What was there before this process."""
    note("resume", name)


@kopf.on.update("stores", field="spec.size")
def resize(name: str, body: kopf.Body, old: int, new: int, **_: Any) -> None:
    """With the last-handled state as the old one; told as an Event, too."""
    kopf.info(body, reason="Resized", message=f"from {old} to {new}")
    note("resize", name, old, new)


@kopf.on.delete("stores")
def close_doors(name: str, **_: Any) -> None:
    """Holds the object by kopf's finalizer until it is done."""
    note("closed", name)


@kopf.timer("stores", interval=0.2)
def tick(name: str, patch: kopf.Patch, status: kopf.Status, **_: Any) -> None:
    """A patch of the status every time."""
    patch.status["ticks"] = status.get("ticks", 0) + 1


@kopf.daemon("stores", cancellation_timeout=2)
async def guard(name: str, stopped: kopf.DaemonStopped, **_: Any) -> None:
    """As long as the object."""
    note("guards", name)
    await stopped.wait(60)
    note("leaves", name)
