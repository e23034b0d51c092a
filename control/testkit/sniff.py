"""Listening at one place for packets of a kind, from the moment that the block is entered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from control.testkit.expect import Expected
from control.testkit.tap import Interface
from control.testkit.until import until
from control.testkit.wire import Wire, watching
from dataplane.observe.dissect import Packet, as_scapy


class Sniff:
    """What has been heard so far; it grows while the block runs."""

    def __init__(self, wire: Wire, interface: Interface, only: Expected | None) -> None:
        self._wire, self._interface, self._only = wire, interface, only

    @property
    def packets(self) -> list[Packet]:
        """The packets that matched, oldest first."""
        return [
            packet for packet in self._wire.at(self._interface) if self._only is None or packet == self._only
        ]

    @property
    def scapy(self) -> list[Any]:
        """The same as scapy's packets, Ethernet header first."""
        return [
            as_scapy(frame.data)
            for frame, packet in self._wire.packets(self._interface)
            if self._only is None or packet == self._only
        ]

    def wait(self, count: int = 1, *, within_s: float = 5.0) -> list[Packet]:
        """The packets, once there are so many. AssertionError with what was heard when the time is over."""

        def enough() -> list[Packet]:
            heard = self.packets
            assert len(heard) >= count, f"{len(heard)} of {count} heard: {heard}"
            return heard

        wanted = "packets" if self._only is None else repr(self._only)
        return until(enough, within_s, what=f"{self._interface} hears {count} of {wanted}")

    def first(self, *, within_s: float = 5.0) -> Packet:
        """The first packet that matched, waited for."""
        return self.wait(within_s=within_s)[0]


@contextmanager
def sniffing(interface: Interface, only: Expected | None = None) -> Iterator[Sniff]:
    """Listen at an interface for the block; only: a matcher, else everything. Errors as from ``watching``."""
    with watching(interface) as wire:
        yield Sniff(wire, interface, only)
