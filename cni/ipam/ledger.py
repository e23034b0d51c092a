"""Who holds which address: a journal on disk, locked, that survives a kill at any byte.

One line of JSON an event, handed to the kernel before it counts: the death of any process loses none. It is not
forced to the disk: a machine that lost power has no namespace left that could hold an address (forcing it took 6 ms
a pod on a busy disk). A last line that was torn is cut off; the journal is written anew, beside the old one and
renamed into its place, when most of it is history. Several processes may use one directory.
"""

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from cni.errors import LedgerDamaged, TryAgain
from dataplane.model.address import IPAddress, IPNetwork

JOURNAL = "addresses.jsonl"
HISTORY = 1000  # lines of no more use that a journal may have


@dataclass(frozen=True, slots=True)
class Held:
    """One attachment. label: ``namespace/pod``."""

    container_id: str
    netns: str
    interface: str
    label: str
    addresses: tuple[IPAddress, ...]


@dataclass(slots=True)
class Books:
    """The journal's meaning.

    held: holders by container id, oldest first. latest: address given of each range. addresses: all that are held.
    """

    held: dict[str, Held] = field(default_factory=dict)
    latest: dict[IPNetwork, IPAddress] = field(default_factory=dict)
    addresses: set[IPAddress] = field(default_factory=set)
    lines: int = 0


class Ledger:
    """The books of one node, in one directory."""

    def __init__(self, directory: Path, patience_s: float = 10.0) -> None:
        """patience_s: how long to wait for another process that has the books open."""
        self.directory, self.patience_s = directory, patience_s
        self._path = directory / JOURNAL
        self._lock = threading.Lock()
        self._books = Books()
        self._read_to: tuple[int, int] = (-1, 0)  # inode and offset up to which the books are known

    @contextmanager
    def open(self) -> Iterator["Entry"]:
        """The books, for this thread of this process alone. Raises LedgerDamaged, TryAgain."""
        with self._lock:
            try:
                self.directory.mkdir(parents=True, exist_ok=True)
                lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise self._damaged(str(error)) from error
            try:
                self._wait_for(lock)
                self._refresh()
                yield Entry(self._books, self._append)
                if self._books.lines > 2 * len(self._books.held) + HISTORY:
                    self._rewrite()
            finally:
                os.close(lock)

    def _wait_for(self, lock: int) -> None:
        """The lock; TryAgain when another process keeps it too long."""
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise TryAgain(
                        f"{self.directory}: another process has kept the addresses' lock"
                        f" for {self.patience_s:g} s",
                        mend=f"end it (fuser {self.directory}/lock), then try again",
                    ) from error
                time.sleep(0.005)
            else:
                return

    def _refresh(self) -> None:
        """Read what was appended since, by us or by another process."""
        try:
            journal = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._damaged(str(error)) from error
        try:
            inode, offset = os.fstat(journal).st_ino, self._read_to[1]
            if inode != self._read_to[0] or os.fstat(journal).st_size < offset:
                self._books, offset = Books(), 0
            fresh = os.pread(journal, os.fstat(journal).st_size - offset, offset)
            whole = fresh.rfind(b"\n") + 1
            if whole < len(fresh):
                os.ftruncate(journal, offset + whole)
            for line in fresh[:whole].splitlines():
                _read(self._books, self._parsed(line))
            self._read_to = (inode, offset + whole)
        finally:
            os.close(journal)

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError as error:
            raise self._damaged(f"line {self._books.lines + 1}: {error}") from error
        if not isinstance(event, dict):
            raise self._damaged(f"line {self._books.lines + 1}: not an object")
        return event

    def _append(self, event: dict[str, Any]) -> None:
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        try:
            journal = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                if (written := os.write(journal, line)) < len(line):
                    # A full disk took a part: it would be cut off as torn, and its address given again.
                    os.ftruncate(journal, self._read_to[1])
                    raise OSError(errno.ENOSPC, f"{written} of {len(line)} bytes written")
            finally:
                os.close(journal)
        except OSError as error:
            raise self._damaged(str(error)) from error
        _read(self._books, event)
        self._read_to = (self._read_to[0], self._read_to[1] + len(line))

    def _rewrite(self) -> None:
        books = self._books
        events: list[dict[str, Any]] = [
            {"latest": {str(cidr): str(address) for cidr, address in books.latest.items()}},
            *(_event(held) for held in books.held.values()),
        ]
        text = "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events)
        fresh = self._path.with_suffix(".new")
        with open(fresh, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
        books.lines = len(events)
        self._read_to = (os.stat(self._path).st_ino, len(text))

    def _damaged(self, reason: str) -> LedgerDamaged:
        return LedgerDamaged(
            f"{self._path}: the record of who holds which address can't be used",
            reason,
            f"podwire down, or remove {self._path} when no pod runs on this node",
        )


class Entry:
    """The open books: to read, and to write one event at a time."""

    def __init__(self, books: Books, append: Callable[[dict[str, Any]], None]) -> None:
        self.books = books
        self._append = append

    def take(self, held: Held, ranges: tuple[IPNetwork, ...]) -> None:
        """Write down a holder; its addresses become the latest of their ranges."""
        latest = {str(cidr): str(address) for cidr, address in zip(ranges, held.addresses, strict=True)}
        self._append(_event(held) | {"latest": latest})

    def give_back(self, container_id: str) -> Held | None:
        """Strike a holder out; None when there is none."""
        held = self.books.held.get(container_id)
        if held is not None:
            self._append({"gone": container_id})
        return held


def _event(held: Held) -> dict[str, Any]:
    return {
        "held": held.container_id,
        "netns": held.netns,
        "interface": held.interface,
        "label": held.label,
        "addresses": [str(address) for address in held.addresses],
    }


def _read(books: Books, event: dict[str, Any]) -> None:
    books.lines += 1
    for cidr, address in event.get("latest", {}).items():
        books.latest[ip_network(cidr)] = ip_address(address)
    if "held" in event:
        addresses = tuple(ip_address(address) for address in event["addresses"])
        books.held[event["held"]] = Held(
            event["held"], event["netns"], event["interface"], event["label"], addresses
        )
        books.addresses.update(addresses)
    gone = books.held.pop(event.get("gone", ""), None)
    if gone is not None:
        books.addresses.difference_update(gone.addresses)
