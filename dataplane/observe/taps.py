"""Everything that passes any link of some namespaces, as copies: one packet socket a namespace, one thread."""

import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dataplane.netns.enter import run_inside
from dataplane.patience import patient

_ETH_P_ALL = 0x0003
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_BUFFER_BYTES, _SNAP_BYTES = 16 << 20, 65_600
_OTHERHOST, _OUTGOING = 3, 4  # PACKET_OTHERHOST, PACKET_OUTGOING
_STAMPS_S, _AGAIN_S = 1.0, 0.0002
_TIMESPEC = struct.Struct("=qq")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame at one link.

    time_ns: the kernel's, since 1970. outgoing: it left this namespace's stack here. strange: its destination
    MAC is not the link's own, as on a bridge's ports, and where a bridge floods.
    """

    time_ns: int
    netns: str
    interface: str
    outgoing: bool
    strange: bool
    data: bytes


class Taps:
    """Frames as they come; ``wanted`` decides on their bytes which are kept.

    lost: frames that the kernel had to leave out, by namespace; whole once the taps are closed.
    """

    def __init__(self, wanted: Callable[[bytes], bool], heard: Callable[[Frame], None]) -> None:
        self.lost: dict[str, int] = {}
        self._wanted, self._heard = wanted, heard

    def drain(self, netns: str, tap: socket.socket) -> None:
        """Take all that waits in one socket."""
        while True:
            try:
                data, ancillary, _flags, address = tap.recvmsg(_SNAP_BYTES, 64)
            except BlockingIOError:
                return
            except OSError:  # ENETDOWN: a link went away; what it showed stays
                continue
            if self._wanted(data):
                kind = address[2]
                self._heard(
                    Frame(_time(ancillary), netns, address[0], kind == _OUTGOING, kind == _OTHERHOST, data)
                )

    def count_lost(self, netns: str, tap: socket.socket) -> None:
        """Ask the kernel how many frames found no room."""
        _seen, dropped = struct.unpack("=II", tap.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        if dropped:
            self.lost[netns] = dropped


@contextmanager
def tapped(
    namespaces: Collection[str], wanted: Callable[[bytes], bool], heard: Callable[[Frame], None]
) -> Iterator[Taps]:
    """Listen on every link of these namespaces for the block; ``heard`` is called in another thread.

    Raises NamespaceGone.
    """
    taps = Taps(wanted, heard)
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for netns in namespaces:
            selector.register(stack.enter_context(run_inside(netns, _tap)), selectors.EVENT_READ, netns)
        any(run_inside(netns, _stamps) for netns in namespaces)
        stop = os.eventfd(0, os.EFD_CLOEXEC)
        stack.callback(os.close, stop)
        selector.register(stop, selectors.EVENT_READ)
        reader = threading.Thread(target=_read, args=(selector, taps), name="podwire-taps", daemon=True)
        reader.start()
        try:
            yield taps
        finally:
            os.eventfd_write(stop, 1)
            reader.join()


def _read(selector: selectors.BaseSelector, taps: Taps) -> None:
    """Read all sockets until told to stop, then what is still in them."""
    while True:
        for key, _ in selector.select():
            if key.data is None:
                _finish(selector, taps)
                return
            assert isinstance(key.fileobj, socket.socket)
            taps.drain(key.data, key.fileobj)


def _finish(selector: selectors.BaseSelector, taps: Taps) -> None:
    for key in list(selector.get_map().values()):
        if isinstance(key.fileobj, socket.socket):
            taps.drain(key.data, key.fileobj)
            taps.count_lost(key.data, key.fileobj)


def _time(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return 0


def _stamps() -> bool:
    """Wait until the kernel stamps packets as they pass; False where the namespace's loopback is down.

    The first socket that asks for stamps only schedules that (net_enable_timestamp in net/core/dev.c). Until then
    a packet's time is the one at which it is read, and on a busy machine the order of links is lost.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as own:
        own.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        own.settimeout(patient(_STAMPS_S))
        deadline = time.monotonic() + patient(_STAMPS_S)
        try:
            own.bind(("127.0.0.1", 0))
            while time.monotonic() < deadline:
                own.sendto(b"", own.getsockname())
                sent_ns = time.time_ns()
                _data, ancillary, _flags, _address = own.recvmsg(1, 64)
                if 0 < _time(ancillary) <= sent_ns:
                    return True
                time.sleep(_AGAIN_S)
        except OSError:  # no loopback here
            return False
    return True


def _tap() -> socket.socket:
    """A packet socket for all links of the calling thread's namespace."""
    everything = socket.htons(_ETH_P_ALL)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, everything)
    try:
        tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        tap.setblocking(False)
    except BaseException:
        tap.close()
        raise
    return tap
