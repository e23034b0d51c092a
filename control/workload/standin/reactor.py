"""A stand-in's event loop: epoll, timers, connections. asyncio's costs each stand-in 1.7 MB and 2 ms."""

import errno
import heapq
import itertools
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

_READ = 65536


class Talker(Protocol):
    """What a connection feeds."""

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""

    def connection_lost(self) -> None:
        """The peer is gone, or we are."""


class Reactor:
    """One thread, one epoll. Calls come back in the order in which things happened."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._posted: list[Callable[[], None]] = []
        self._stopped = False
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self.watch(self._woken, select.EPOLLIN, lambda _: self._drain_wake())

    def watch(self, descriptor: int, events: int, handler: Callable[[int], None]) -> None:
        """Call ``handler(events)`` when the descriptor is ready."""
        self._handlers[descriptor] = handler
        self._epoll.register(descriptor, events)

    def change(self, descriptor: int, events: int) -> None:
        """Watch for other events."""
        self._epoll.modify(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Stop watching; before it is closed."""
        if self._handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def on_signal(self, number: int, call: Callable[[], None]) -> None:
        """Call from the loop when the signal came."""
        signal.signal(number, lambda *_: self._posted.append(call))

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call once, after so long."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), call))

    def in_thread(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run slow work beside the loop, then ``done`` with its value in the loop."""

        def body() -> None:
            value = work()
            self._posted.append(lambda: done(value))
            os.write(self._wake, b"x")

        threading.Thread(target=body, daemon=True).start()

    def stop(self) -> None:
        """Leave ``run`` after this round."""
        self._stopped = True

    def run(self) -> None:
        """Until ``stop``."""
        while not self._stopped:
            timeout = -1.0
            if self._posted:
                timeout = 0.0
            elif self._timers:
                timeout = max(self._timers[0][0] - time.monotonic(), 0.0)
            for descriptor, events in self._epoll.poll(timeout):
                handler = self._handlers.get(descriptor)
                if handler is not None:
                    handler(events)
            posted, self._posted = self._posted, []
            for call in posted:
                call()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def _drain_wake(self) -> None:
        try:
            os.read(self._woken, 4096)
        except BlockingIOError:
            return


class Connection:
    """An accepted connection: what is written waits until it can be sent, and is sent before it closes."""

    def __init__(self, reactor: Reactor, sock: socket.socket) -> None:
        self._reactor = reactor
        self._sock = sock
        self._unsent = bytearray()
        self._talker: Talker | None = None
        self.closing = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = plain(sock.getpeername())
        self.local = plain(sock.getsockname())

    def begin(self, talker: Talker) -> None:
        """From now on its bytes go to ``talker``."""
        self._talker = talker
        self._reactor.watch(self._sock.fileno(), select.EPOLLIN, self._ready)

    def write(self, data: bytes) -> None:
        """Send, now or when there is room."""
        if self.closing:
            return
        if not self._unsent:
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._gone()
                return
            data = data[sent:]
        if data:
            self._unsent += data
            self._reactor.change(self._sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def close(self) -> None:
        """After all that was written is sent."""
        if not self.closing:
            self.closing = True
            if not self._unsent:
                self._gone()

    def _ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._flush()
        if events & ~select.EPOLLOUT and self._sock.fileno() >= 0:
            self._receive()

    def _flush(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._gone()
            return
        del self._unsent[:sent]
        if not self._unsent:
            if self.closing:
                self._gone()
            else:
                self._reactor.change(self._sock.fileno(), select.EPOLLIN)

    def _receive(self) -> None:
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone()
        elif self._talker is not None and not self.closing:
            self._talker.data_received(data)

    def _gone(self) -> None:
        if self._sock.fileno() < 0:
            return
        self.closing = True
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        if self._talker is not None:
            self._talker.connection_lost()


class Listener:
    """A listening socket; ``welcome`` gets each connection."""

    def __init__(self, reactor: Reactor, sock: socket.socket, welcome: Callable[[Connection], None]) -> None:
        self._reactor, self._sock, self._welcome = reactor, sock, welcome
        reactor.watch(sock.fileno(), select.EPOLLIN, self._ready)

    def _ready(self, _: int) -> None:
        self._accept()

    def close(self) -> None:
        """No further connections; those that the kernel has taken already are welcomed first."""
        while self._accept():
            continue
        self._reactor.forget(self._sock.fileno())
        self._sock.close()

    def _accept(self) -> bool:
        try:
            sock, _ = self._sock.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            return error.errno == errno.ECONNABORTED
        try:
            connection = Connection(self._reactor, sock)
        except OSError:  # gone before we looked
            sock.close()
            return True
        self._welcome(connection)
        return True


def plain(name: tuple[Any, ...]) -> str:
    """An address as people write it; IPv4 within IPv6 is IPv4.

    >>> plain(("::ffff:10.0.0.1", 80, 0, 0)), plain(("fd00::1", 80, 0, 0))
    ('10.0.0.1:80', '[fd00::1]:80')
    """
    host = str(name[0]).removeprefix("::ffff:").split("%")[0]
    return f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}"
