"""One TCP port that answers any protocol: the first bytes decide who talks."""

from collections.abc import Callable
from typing import Protocol

from control.workload.standin.plan import StandInPlan
from control.workload.standin.reactor import Connection, Reactor

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"PATCH ", b"OPTIONS ", b"TRACE ", b"CONNECT ")


class Speaker(Protocol):
    """Who talks on a connection once its protocol is known."""

    def feed(self, data: bytes) -> None:
        """Bytes from the peer."""

    def idle(self) -> bool:
        """Whether the connection can be closed without loss."""

    def lost(self) -> None:
        """The connection is gone."""


class Talk:
    """What all connections of a stand-in share."""

    def __init__(self, plan: StandInPlan, reactor: Reactor) -> None:
        self.plan = plan
        self.reactor = reactor
        self.ready = plan.ready
        self.draining = False
        self.doors: set[Door] = set()
        self._emptied: Callable[[], None] = lambda: None

    def set_ready(self, *, ready: bool) -> None:
        """SIGUSR1 and SIGUSR2."""
        self.ready = ready

    def left(self, door: "Door") -> None:
        """A connection ended."""
        self.doors.discard(door)
        if not self.doors:
            self._emptied()

    def finish(self, done: Callable[[], None]) -> None:
        """Close what is idle; ``done`` is called when the last connection has ended."""
        self._emptied = done
        for door in list(self.doors):
            door.close_if_idle()
        if not self.doors:
            done()


class Door:
    """One accepted connection."""

    def __init__(self, talk: Talk, connection: Connection) -> None:
        self.talk = talk
        self._connection = connection
        self._speaker: Speaker | None = None
        self._first = b""
        talk.doors.add(self)

    def connection_lost(self) -> None:
        """The peer is gone."""
        if self._speaker is not None:
            self._speaker.lost()
        self.talk.left(self)

    def data_received(self, data: bytes) -> None:
        """Sniff the first bytes, then hand everything on."""
        if self._speaker is None:
            self._first += data
            kind = protocol_of(self._first)
            if kind is None:
                return
            data, self._first = self._first, b""
            self._speaker = self._speak(kind)
        self._speaker.feed(data)

    def _speak(self, kind: str) -> Speaker:
        if kind == "http":
            from control.workload.standin.http import HttpSpeaker

            return HttpSpeaker(self)
        if kind == "http2":
            from control.workload.standin.http2 import Http2Speaker

            return Http2Speaker(self)
        return RawSpeaker(self, redis=kind == "redis")

    @property
    def peer(self) -> str:
        """The peer's address as this pod sees it."""
        return self._connection.peer

    @property
    def local(self) -> str:
        """The address and port that the peer reached."""
        return self._connection.local

    def write(self, data: bytes) -> None:
        """To the peer."""
        self._connection.write(data)

    def close(self) -> None:
        """After what was written."""
        self._connection.close()

    def close_if_idle(self) -> None:
        """While draining."""
        if self._speaker is None or self._speaker.idle():
            self.close()


class RawSpeaker:
    """Plain TCP: says once who it is, then echoes. As Redis: PONG to PING, OK to all else."""

    def __init__(self, door: Door, *, redis: bool) -> None:
        self._door = door
        self._redis = redis
        if not redis:
            door.write(door.talk.plan.sentence.encode() + b"\n")

    def feed(self, data: bytes) -> None:
        """See Speaker."""
        if not self._redis:
            self._door.write(data)
            return
        for line in data.upper().split(b"\r\n"):
            if line == b"PING":
                self._door.write(b"+PONG\r\n")

    def idle(self) -> bool:
        """See Speaker."""
        return True

    def lost(self) -> None:
        """See Speaker."""


def protocol_of(first: bytes) -> str | None:
    """What the first bytes speak: "http", "http2", "redis" or "raw"; None while they may still be several.

    >>> protocol_of(b"GET / HTTP/1.1"), protocol_of(b"PRI"), protocol_of(b"hello")
    ('http', None, 'raw')
    """
    if first.startswith(_PREFACE):
        return "http2"
    if _PREFACE.startswith(first):
        return None
    if first.startswith(_METHODS):
        return "http"
    if any(method.startswith(first) for method in _METHODS):
        return None
    if first.startswith((b"*", b"PING\r\n")):
        return "redis"
    if b"PING\r\n".startswith(first):
        return None
    return "raw"
