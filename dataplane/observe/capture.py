"""Packets of many links, in one clock and one order, to a recorder and to whoever listens."""

import selectors
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from dataplane.observe.recorder import Count, Recorder, Spot
from dataplane.observe.ring import RETIRE_MS, Captured, Ring

_HOLD_NS = 3 * RETIRE_MS * 1_000_000
"""How long a packet waits for older ones of other links: a ring shows its packets up to RETIRE_MS late."""
_LAST_S = 2 * RETIRE_MS / 1000
_ASK_S = 1.0
"""How often it is asked whether there is still a link: nothing tells when a pod's namespace loses its name."""

Heard = Callable[[Spot, Captured], None]


def capture(
    recorder: Recorder,
    stop: int,
    heard: Heard | None = None,
    begun: Callable[[], None] = lambda: None,
) -> list[Count]:
    """Capture at all spots of the recorder until ``stop`` (a descriptor) is readable, a limit is reached, or all
    links are gone.

    heard: called with each packet. begun: called once every spot listens. Raises LinkError, NamespaceGone, and
    OSError when a file can't be written.
    """
    limits, spots = recorder.limits, recorder.spots
    with ExitStack() as stack:
        rings = [
            stack.enter_context(Ring(spot.netns, spot.link, limits.buffer_mb, recorder.program))
            for spot in spots
        ]
        selector = stack.enter_context(selectors.DefaultSelector())
        for ring in rings:
            selector.register(ring, selectors.EVENT_READ, ring)
        selector.register(stop, selectors.EVENT_READ)
        recorder.open()
        stack.callback(recorder.close)
        begun()
        flow = _Flow(recorder, heard, limits.packets or -1, ordered=len(rings) > 1, kept=[0] * len(rings))
        end = time.monotonic() + limits.seconds if limits.seconds else float("inf")
        while flow.left:
            ready = selector.select(_patience(end, flow))
            for number, ring in enumerate(rings):
                flow.drain(number, ring)
            flow.release(time.time_ns() - _HOLD_NS)
            if recorder.full:
                recorder.end(_counts(spots, rings, flow.kept))
                recorder.open()
            for ring in (key.data for key, _ in ready if key.data is not None):
                ring.take_error()
            stopped = any(key.data is None for key, _ in ready)
            if stopped or time.monotonic() >= end or (not ready and all(ring.gone for ring in rings)):
                break
        for ring in rings:
            ring.stop()
        time.sleep(_LAST_S)  # until the kernel has handed over the blocks that it was filling
        for number, ring in enumerate(rings):
            flow.drain(number, ring)
        flow.release(None)
        counts = _counts(spots, rings, flow.kept)
        recorder.end(counts)
        return counts


def _patience(end: float, flow: "_Flow") -> float:
    """Seconds to wait at most."""
    waits = [_ASK_S, max(0.0, end - time.monotonic())]
    if flow.held:
        waits.append(RETIRE_MS / 1000)
    return min(waits)


@dataclass(slots=True)
class _Flow:
    """Packets from rings to the recorder. left: how many may still come; below 0: any number. kept: passed on, by ring.

    ordered: packets of several rings are held back until none older can come. held: by time, with their spot.
    """

    recorder: Recorder
    heard: Heard | None
    left: int
    ordered: bool
    kept: list[int]
    held: list[tuple[int, int, Captured]] = field(default_factory=list)

    def drain(self, number: int, ring: Ring) -> None:
        """Take what a ring has."""
        for block in ring.blocks():
            for packet in block:
                if self.ordered:
                    packet.data = memoryview(bytes(packet.data))
                    self.held.append((packet.time_ns, number, packet))
                elif not self._pass_on(number, packet):
                    return
            self.recorder.flush()

    def release(self, before_ns: int | None) -> None:
        """Pass on what was held and is older than that; all of it for None."""
        if not self.held:
            return
        self.held.sort(key=lambda each: each[:2])
        count = 0
        for time_ns, number, packet in self.held:
            if (before_ns is not None and time_ns > before_ns) or not self._pass_on(number, packet):
                break
            count += 1
        del self.held[:count]
        self.recorder.flush()

    def _pass_on(self, number: int, packet: Captured) -> bool:
        """One packet to everybody; False when no more are wanted."""
        if self.left == 0:
            return False
        self.left -= 1
        self.kept[number] += 1
        self.recorder.add(number, packet)
        if self.heard is not None:
            self.heard(self.recorder.spots[number], packet)
        return True


def _counts(spots: Sequence[Spot], rings: Sequence[Ring], kept: Sequence[int]) -> list[Count]:
    for ring in rings:
        ring.count()
    return [
        Count(spot, ring.received, ring.dropped, number, ring.gone)
        for spot, ring, number in zip(spots, rings, kept, strict=True)
    ]
