"""Watching wires: what passed at each interface, as flows, and the way of one packet over all of them."""

import os
import selectors
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

from control.testkit.expect import Expected
from control.testkit.hops import Hop, Hops
from control.testkit.tap import Frame, Interface, Tap, until_stamped
from dataplane.observe.dissect import Packet, dissect

BRIDGE = "cni0"


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

    def __init__(self, taps: Iterable[Tap]) -> None:
        self._taps = {tap.interface: tap for tap in taps}
        self._read: dict[Interface, list[Packet | None]] = {interface: [] for interface in self._taps}

    def at(self, interface: Interface) -> Seen:
        """What passed there. KeyError for an interface that was not watched; AssertionError when frames were missed."""
        return Seen(packet for _, packet in self.packets(interface))

    def frames(self, interface: Interface) -> tuple[bytes, ...]:
        """The frames as they were, Ethernet header first. Errors as from ``at``."""
        return tuple(frame.data for frame in self._frames(interface))

    def hops(self, of: bytes | Expected | Callable[[Packet], bool]) -> Hops:
        """Where one packet was seen, in the order of time.

        of: the payload that it carries (ICMP errors that quote it are not meant), a matcher, or a question. A packet that
        VXLAN carries is found by what it is inside; its hop then shows the outer packet with it.
        """
        found = [
            (frame.at_ns, interface.name == BRIDGE, Hop(interface, packet))
            for interface in self._taps
            for frame, packet in self.packets(interface)
            if _is_meant(packet.inner if packet.vni is not None and packet.inner else packet, of)
        ]
        # A frame keeps its time from a bridge's port up to the bridge: then the port came first.
        return Hops(hop for _, _, hop in sorted(found, key=lambda entry: entry[:2]))

    def errors_about(self, payload: bytes) -> Hops:
        """Where ICMP errors that quote a packet with that payload were seen, in the order of time."""
        return self.hops(lambda packet: _quotes(packet, payload))

    def packets(self, interface: Interface) -> Iterator[tuple[Frame, Packet]]:
        """Each frame that carries IP, with the packet that was read from it. Errors as from ``at``."""
        frames, read = self._frames(interface), self._read[interface]
        for frame in frames[len(read) :]:
            read.append(dissect(frame.data, unfinished=frame.unfinished))
        for frame, packet in zip(frames, read, strict=True):
            if packet is not None:
                yield frame, packet

    def _frames(self, interface: Interface) -> tuple[Frame, ...]:
        tap = self._taps[interface]
        assert not tap.missed, f"{interface}: {tap.missed} frames passed too fast to be kept"
        return tuple(tap.frames)


def _is_meant(packet: Packet, of: bytes | Expected | Callable[[Packet], bool]) -> bool:
    if isinstance(of, bytes):
        return packet.payload == of
    return packet == of if isinstance(of, Expected) else of(packet)


def _quotes(packet: Packet, payload: bytes) -> bool:
    """Whether it is an ICMP error about a packet with that payload; an error may quote less than all of it."""
    quoted = packet.inner.payload if packet.is_error and packet.inner else b""
    return bool(quoted) and payload.startswith(quoted)


@contextmanager
def watching(*interfaces: Interface) -> Iterator[Wire]:
    """Capture at these interfaces for the block; every frame sent within it is there after it.

    Raises NamespaceGone, and OSError for an interface that does not exist.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        taps = [stack.enter_context(closing(Tap(interface))) for interface in dict.fromkeys(interfaces)]
        until_stamped()
        for tap in taps:
            selector.register(tap, selectors.EVENT_READ, tap)
        stop = os.eventfd(0, os.EFD_CLOEXEC)
        stack.callback(os.close, stop)
        selector.register(stop, selectors.EVENT_READ)
        reader = threading.Thread(target=_read, args=(selector,), name="podwire-wire", daemon=True)
        reader.start()
        try:
            yield Wire(taps)
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
                key.data.drain()
    for key in list(selector.get_map().values()):
        if key.data is not None:
            key.data.drain()
