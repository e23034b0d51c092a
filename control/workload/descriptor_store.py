"""Descriptors and words that outlive the process they belong to, as systemd's file descriptor store keeps them.

The zygote's parent is the store. A zygote deposits what its containers hang on before they do anything; the next
one, forked from the store, finds it in its memory. Orphans become the store's children, and it passes their ends on.
"""

import select
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import close

from control.workload.channel import Channel, ChannelClosed


@dataclass(slots=True)
class Kept:
    """One deposit.

    text: words of who made it. pid: the process it is about, 0 for none. status: waitpid's, once that has ended,
    at ``ended`` (Unix seconds).
    """

    text: str
    descriptors: list[int] = field(default_factory=list)
    pid: int = 0
    status: int | None = None
    ended: float = 0.0

    def close(self) -> None:
        """Let go of the descriptors."""
        for descriptor in self.descriptors:
            close(descriptor)
        self.descriptors = []


class DescriptorStore:
    """The parent's side. Owns every deposit, and the channel to the owner that lives at present."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._channel: Channel | None = None
        self._theirs: socket.socket | None = None

    @property
    def sock(self) -> socket.socket | None:
        """To be read (`hear`), and written while `flush` says that ends wait. None between two owners."""
        return self._channel.sock if self._channel else None

    def flush(self) -> bool:
        """Tell what waits; False when ends are still to be told, once the socket has room."""
        try:
            return self._channel is None or self._channel.flush()
        except ChannelClosed:  # the next owner finds them in the deposits
            return True

    def open(self) -> None:
        """Before an owner is forked: what the last one said is heard, and a new channel is there."""
        self.hear()
        if self._channel is not None:
            self._channel.close()
        ours, self._theirs = socket.socketpair()
        self._channel = Channel(ours)

    def forked(self) -> None:
        """In the parent after the fork: the other end is the owner's alone."""
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None

    def deposits(self) -> "Deposits":
        """In the owner after the fork: everything changes hands."""
        kept, theirs = self._kept, self._theirs
        assert theirs is not None
        if self._channel is not None:
            self._channel.close()
        self._kept, self._channel, self._theirs = {}, None, None
        return Deposits(kept, Channel(theirs))

    def close(self) -> None:
        """In any other child: nothing of it stays open."""
        for kept in self._kept.values():
            kept.close()
        if self._channel is not None:
            self._channel.close()
        self.forked()
        self._kept, self._channel = {}, None

    def hear(self) -> None:
        """Take what the owner has said so far; at its death the channel goes."""
        channel = self._channel
        while channel is not None:
            try:
                messages = channel.receive()
            except ChannelClosed:
                channel.close()
                self._channel = None
                return
            if not messages:
                return
            for body, descriptors in messages:
                key, old = body["key"], self._kept.get(body["key"])
                if body["do"] == "put":
                    self._kept[key] = made = Kept(body["text"], descriptors, body["pid"])
                    if old is not None:
                        made.status, made.ended = old.status, old.ended
                elif body["do"] == "end" and old is not None:
                    old.status, old.ended = body["status"], time.time()
                    continue
                else:
                    self._kept.pop(key, None)
                if old is not None:
                    old.close()

    def ended(self, pid: int, status: int) -> None:
        """A child of this process ended that it did not fork: an orphan, if it was deposited."""
        self.hear()
        for key, kept in self._kept.items():
            if kept.pid == pid and kept.status is None:
                kept.status, kept.ended = status, time.time()
                if self._channel is not None:
                    with suppress(ChannelClosed):  # the next owner finds it in the deposit
                        self._channel.send({"key": key, "status": status})
                return


class Deposits:
    """The owner's side; without a channel nothing outlives it.

    found: what the owner before it left. Its descriptors are the caller's now.
    """

    def __init__(self, found: dict[str, Kept] | None = None, channel: Channel | None = None) -> None:
        self.found = found or {}
        self.channel = channel

    def put(self, key: str, text: str, descriptors: Sequence[int], pid: int = 0) -> None:
        """Deposit copies of the descriptors, in place of what the key had. Returns once the parent has them."""
        self._say({"do": "put", "key": key, "text": text, "pid": pid}, list(descriptors))

    def end(self, key: str, status: int) -> None:
        """The owner's own child has ended; to be said before it is reaped."""
        self._say({"do": "end", "key": key, "status": status}, [])

    def drop(self, key: str) -> None:
        """The deposit is needed no more."""
        self._say({"do": "drop", "key": key}, [])

    def hear(self) -> list[tuple[str, int]]:
        """Keys and waitpid's status of orphans that have ended."""
        if self.channel is None:
            return []
        try:
            return [(body["key"], body["status"]) for body, _ in self.channel.receive()]
        except ChannelClosed:  # the parent is gone, and this process follows at once
            return []

    def _say(self, body: dict[str, object], descriptors: list[int]) -> None:
        if self.channel is None:
            return
        try:
            if self.channel.send(body, descriptors):
                return
            room = select.poll()
            room.register(self.channel, select.POLLOUT)
            while not self.channel.flush():
                room.poll()
        except ChannelClosed:
            return
