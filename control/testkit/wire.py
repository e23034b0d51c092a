"""Watching wires: packet sockets opened inside the namespaces, read by a thread, seen as flows."""

import os
import selectors
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dataplane.netns.enter import run_inside
from dataplane.observe.dissect import Packet, dissect

_ETH_P_ALL = 0x0003
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 16 << 20
_SNAP_BYTES = 65_600


@dataclass(frozen=True, slots=True)
class Interface:
    """One end of a cable: a namespace and a name in it."""

    netns: str
    name: str

    def __str__(self) -> str:
        return f"{self.netns}/{self.name}"


class Seen:
    """The packets that passed one interface, oldest first, both directions."""

    def __init__(self, packets: Iterable[Packet]) -> None:
        self.packets = tuple(packets)

    def __getitem__(self, index: int) -> Packet:
        return self.packets[index]

    def __len__(self) -> int:
        return len(self.packets)

    def __iter__(self) -> Iterator[Packet]:
        return iter(self.packets)

    def __repr__(self) -> str:
        return "\n".join(["Seen:", *(f"  {packet!r}" for packet in self.packets)])

    @property
    def requests(self) -> list[Packet]:
        """The first packet of each flow, in the direction in which it began."""
        return [packet for packet, is_request in self._firsts() if is_request]

    @property
    def replies(self) -> list[Packet]:
        """The first packet of each flow in the other direction."""
        return [packet for packet, is_request in self._firsts() if not is_request]

    @property
    def errors(self) -> list[Packet]:
        """ICMP errors: unreachable, too big, time exceeded."""
        return [packet for packet in self.packets if packet.is_error]

    @property
    def inside(self) -> "Seen":
        """What VXLAN carried past here."""
        return Seen(packet.inner for packet in self.packets if packet.vni is not None and packet.inner)

    def _firsts(self) -> Iterator[tuple[Packet, bool]]:
        began: set[object] = set()
        answered: set[object] = set()
        for packet in self.packets:
            if packet.is_error or packet.is_housekeeping or packet.destination.is_multicast:
                continue
            flow, reverse = packet.flow, packet.reverse_flow
            if packet.protocol in ("icmp", "icmpv6"):
                is_request = packet.icmp_type in (8, 128)
            elif "S" in packet.flags:
                is_request = "A" not in packet.flags
            else:
                is_request = reverse not in began and flow not in answered
            side = began if is_request else answered
            if flow not in side:
                side.add(flow)
                yield packet, is_request


class Wire:
    """What was seen at each watched interface; whole once the watch has ended."""

    def __init__(self) -> None:
        self._frames: dict[Interface, list[bytes]] = {}

    def at(self, interface: Interface) -> Seen:
        """What passed there. KeyError for an interface that was not watched."""
        return Seen(packet for frame in tuple(self._frames[interface]) if (packet := dissect(frame)))

    def frames(self, interface: Interface) -> tuple[bytes, ...]:
        """The frames as they were, Ethernet header first."""
        return tuple(self._frames[interface])


@contextmanager
def watching(*interfaces: Interface) -> Iterator[Wire]:
    """Capture at these interfaces for the block; every frame sent within it is there after it.

    Raises NamespaceGone, and OSError for an interface that does not exist.
    """
    wire = Wire()
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for interface in interfaces:
            frames = wire._frames.setdefault(interface, [])
            selector.register(stack.enter_context(_tap(interface)), selectors.EVENT_READ, frames)
        stop = os.eventfd(0, os.EFD_CLOEXEC)
        stack.callback(os.close, stop)
        selector.register(stop, selectors.EVENT_READ)
        reader = threading.Thread(target=_read, args=(selector,), name="podwire-wire", daemon=True)
        reader.start()
        try:
            yield wire
        finally:
            os.eventfd_write(stop, 1)
            reader.join()


def _read(selector: selectors.BaseSelector) -> None:
    """Read all sockets until told to stop, then what is still in them."""
    stopping = False
    while not stopping:
        for key, _ in selector.select():
            if key.data is None:
                stopping = True
            else:
                _drain(key.fileobj, key.data)  # type: ignore[arg-type]  # registered by us: a socket
    for key in list(selector.get_map().values()):
        if key.data is not None:
            _drain(key.fileobj, key.data)  # type: ignore[arg-type]  # as above


def _drain(tap: socket.socket, frames: list[bytes]) -> None:
    while True:
        try:
            frames.append(tap.recv(_SNAP_BYTES))
        except BlockingIOError:
            return
        except OSError:  # the interface went away: what it showed stays
            return


def _tap(interface: Interface) -> socket.socket:
    """A packet socket bound to the interface, with a filter that lets nothing in until it is bound."""

    def make() -> socket.socket:
        # Protocol 0 receives nothing; binding sets interface and protocol in one step.
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            tap.setblocking(False)
            tap.bind((interface.name, _ETH_P_ALL))
        except BaseException:
            tap.close()
            raise
        return tap

    return run_inside(interface.netns, make)
