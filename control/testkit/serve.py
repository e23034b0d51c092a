"""Servers of a test, inside a place: what they hear is kept, what they answer is the test's."""

import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from control.testkit.ports import Ports, ports_of
from control.testkit.until import until
from dataplane.model.address import Family, IPAddress
from dataplane.netns.enter import run_inside

Answering = Callable[[bytes], bytes | None]

_KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}
_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50
_BLOCK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Heard:
    """What came in one piece, from whom, at which port; at: the address of ours that was asked (of a datagram)."""

    data: bytes
    peer: tuple[IPAddress, int]
    port: int
    at: IPAddress | None = None


def echo(question: bytes) -> bytes:
    """The answer that repeats the question."""
    return question


class Server:
    """Listening sockets of a place, served by a thread until the block ends."""

    def __init__(self, listeners: Iterable[socket.socket], answer: Answering | None) -> None:
        self.heard: list[Heard] = []
        self._answer = answer
        self._selector = selectors.DefaultSelector()
        self._open: set[socket.socket] = set()
        for each in listeners:
            self._watch(each)
        self._stop, waker = socket.socketpair()
        self._watch(waker)
        self._waker = waker
        self._thread = threading.Thread(target=self._serve, name="podwire-serve", daemon=True)
        self._thread.start()

    def wait(self, count: int = 1, *, within_s: float = 5.0) -> Sequence[Heard]:
        """What was heard, once there is so much of it. AssertionError when the time is over."""

        def enough() -> Sequence[Heard]:
            assert len(self.heard) >= count, f"{len(self.heard)} of {count}: {self.heard}"
            return tuple(self.heard)

        return until(enough, within_s, what=f"the server hears {count}")

    def close(self) -> None:
        """End all connections and stop listening."""
        self._stop.close()
        self._thread.join()
        self._selector.close()
        for each in self._open:
            each.close()

    def _watch(self, each: socket.socket) -> None:
        each.setblocking(False)
        self._selector.register(each, selectors.EVENT_READ)
        self._open.add(each)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                plug = key.fileobj
                assert isinstance(plug, socket.socket)
                if plug is self._waker:
                    return
                try:
                    self._take(plug)
                except OSError:  # a peer that reset, or went away: it is no longer served
                    if plug.type == socket.SOCK_STREAM:
                        self._drop(plug)

    def _take(self, plug: socket.socket) -> None:
        if plug.type == socket.SOCK_DGRAM:
            self._take_datagram(plug)
        elif plug.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            self._watch(plug.accept()[0])
        else:
            data = plug.recv(_BLOCK_BYTES)
            if not data:
                self._drop(plug)
                return
            peer = plug.getpeername()
            self.heard.append(Heard(data, (ip_address(peer[0]), peer[1]), plug.getsockname()[1]))
            if (said := self._answer_to(data)) is not None:
                plug.sendall(said)

    def _take_datagram(self, plug: socket.socket) -> None:
        data, ancillary, _flags, peer = plug.recvmsg(_BLOCK_BYTES, 128)
        asked = _asked(ancillary)
        heard = Heard(data, (ip_address(peer[0]), peer[1]), plug.getsockname()[1], asked)
        self.heard.append(heard)
        if (said := self._answer_to(data)) is not None:
            # From the address that was asked: a place may own many, the internet whole ranges.
            plug.sendmsg([said], [] if asked is None else [_from(asked)], 0, peer)

    def _answer_to(self, question: bytes) -> bytes | None:
        return None if self._answer is None else self._answer(question)

    def _drop(self, plug: socket.socket) -> None:
        self._selector.unregister(plug)
        self._open.discard(plug)
        plug.close()


@contextmanager
def serving(
    netns: str, families: Iterable[Family], ports: Ports, answer: Answering | None
) -> Iterator[Server]:
    """Serve these ports on every address of the namespace for the block; it listens when it is entered.

    Raises OSError for a port that somebody has (a stand-in that ``listens`` there, for one).
    """
    with ExitStack() as stack:
        listeners = []
        for number, protocol in ports_of(ports):
            for family in families:
                made = run_inside(netns, lambda f=family, p=protocol, n=number: _listener(f, p, n))  # type: ignore[misc]  # mypy can't infer a lambda with defaults
                stack.callback(made.close)
                listeners.append(made)
        server = Server(listeners, answer)
        stack.callback(server.close)
        yield server


def _listener(family: Family, protocol: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET if family is Family.V4 else socket.AF_INET6, _KINDS[protocol])
    try:
        if family is Family.V6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if protocol == "TCP":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif family is Family.V4:
            made.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        made.bind(("0.0.0.0" if family is Family.V4 else "::", port))
        if protocol == "TCP":
            made.listen(128)
    except BaseException:
        made.close()
        raise
    return made


def _asked(ancillary: list[tuple[int, int, bytes]]) -> IPAddress | None:
    """The address that a datagram was sent to: struct in_pktinfo's last field, struct in6_pktinfo's first."""
    for level, kind, value in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
            return ip_address(value[8:12])
        if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
            return ip_address(value[:16])
    return None


def _from(source: IPAddress) -> tuple[int, int, bytes]:
    """Ancillary data that sends from that address."""
    if source.version == 4:
        return socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=i4s4x", 0, source.packed)
    return socket.IPPROTO_IPV6, _IPV6_PKTINFO, struct.pack("=16si", source.packed, 0)
