"""What was observed of one packet, and of the answers to it: sightings, judgements, deaths, in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dataplane.model.address import IPAddress
from dataplane.nft.events import TraceEvent
from dataplane.observe.dissect import Packet
from dataplane.observe.rulesets import Chains


class Course(StrEnum):
    """Which way: what was sent, what answers it, or an ICMP error about either."""

    REQUEST = "request"
    REPLY = "reply"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Sighting:
    """The packet at a link. time_ns: the kernel's, since 1970.

    outgoing: it left this namespace here; else it came in. packet: as it was, out of its tunnel.
    outer: what carried it, when it was inside VXLAN. next_hop: the frame's destination MAC.
    strange: that MAC is not the link's: on its way through a bridge, or flooded by one.
    """

    time_ns: int
    netns: str
    interface: str
    outgoing: bool
    course: Course
    packet: Packet
    outer: Packet | None = None
    next_hop: str = ""
    strange: bool = False


@dataclass(frozen=True, slots=True)
class Ends:
    """Addresses, ports and TTL of a packet where a base chain got hold of it. ports: 0 where unknown."""

    source: IPAddress
    source_port: int
    destination: IPAddress
    destination_port: int
    protocol: int
    ttl: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """A rule that matched, or the policy of a chain that ended. hook: of the base chain that it was in.

    before: the packet as that base chain got it. tunnel: it is the tunnel's own packet.
    """

    netns: str
    course: Course
    event: TraceEvent
    hook: str
    before: Ends | None
    tunnel: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """The kernel gave the packet up. reason: its SKB_DROP_REASON without the prefix. where: the function.

    ttl: that it had there.
    """

    time_ns: int
    netns: str
    interface: str
    course: Course
    reason: str
    where: str
    ttl: int | None = None

    @property
    def said(self) -> str:
        """In the kernel's words."""
        return f"{self.reason} in {self.where}"


Step = Sighting | Judgement | Death


@dataclass(frozen=True, slots=True)
class Journey:
    """One packet's way. refused: errno of the send, 0 when the kernel took it.

    lost: what could not be observed, a sentence each; empty when nothing was left out.
    rulesets: chains and rules as they were, by namespace. rises: counts of the kernel that grew meanwhile.
    """

    steps: tuple[Step, ...]
    sent_ns: int
    refused: int = 0
    lost: tuple[str, ...] = ()
    rulesets: Mapping[str, Chains] = field(default_factory=dict)
    rises: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def began_ns(self) -> int:
        """When it was first seen, since 1970; when it was sent, if it never was."""
        return next((step.time_ns for step in self.steps if isinstance(step, Sighting)), self.sent_ns)

    def of(self, course: Course) -> tuple[Step, ...]:
        """The steps of one direction."""
        return tuple(step for step in self.steps if step.course is course)

    def sightings(self, course: Course) -> list[Sighting]:
        """Where a direction was seen."""
        return [step for step in self.of(course) if isinstance(step, Sighting)]

    def deaths(self, course: Course) -> list[Death]:
        """Where the kernel gave a direction up, copies that a bridge made among them."""
        return [step for step in self.of(course) if isinstance(step, Death)]

    def judgements(self, course: Course) -> list[Judgement]:
        """What rules did with a direction."""
        return [step for step in self.of(course) if isinstance(step, Judgement)]


def merge(
    sightings: Iterable[Sighting], judgements: Iterable[tuple[Judgement, str]], deaths: Iterable[Death]
) -> tuple[Step, ...]:
    """All in one order.

    judgements: in the order of their namespaces' events, each with the name of the link that it came in by.
    They have no time stamp: each goes behind the sighting that its packet had last in its namespace.
    """
    timed: list[Sighting | Death] = [*sightings, *deaths]
    steps = sorted(timed, key=lambda step: step.time_ns)
    seen = [(index, step) for index, step in enumerate(steps) if isinstance(step, Sighting)]
    behind: dict[int, list[Judgement]] = {}
    last: dict[tuple[str, Course], int] = {}
    for judgement, incoming in judgements:
        key = judgement.netns, judgement.course
        index = _place(seen, judgement, incoming, last.get(key, -1))
        last[key] = index
        behind.setdefault(index, []).append(judgement)
    merged: list[Step] = [*behind.get(-1, ())]
    for index, step in enumerate(steps):
        merged.append(step)
        merged += behind.get(index, ())
    return tuple(merged)


def _place(seen: list[tuple[int, Sighting]], judgement: Judgement, incoming: str, last: int) -> int:
    """The index of the step that a judgement stands behind; never before the one before it."""
    here = [
        (index, step)
        for index, step in seen
        if step.netns == judgement.netns and step.course is judgement.course and index >= last
    ]
    if judgement.tunnel and judgement.hook in ("output", "postrouting"):
        # The tunnel's packet is made after the one inside it left by the tunnel's link.
        return next((index for index, step in here if step.outgoing and step.outer is None), last)
    arrived = [
        (index, step)
        for index, step in here
        if not step.outgoing and (step.outer is not None) == judgement.tunnel
    ]
    if judgement.hook == "prerouting" and judgement.before is not None:
        # On a bridge (br_netfilter) the hooks name the bridge and yet run before the bridge shows the packet.
        for index, step in arrived:
            if judgement.tunnel or shows(step.packet, judgement.before):
                return index
    for index, step in arrived:
        if incoming and step.interface == incoming:
            return index
    return last


def shows(packet: Packet, ends: Ends) -> bool:
    """A packet has these ends, as far as they are known."""
    same = (packet.source, packet.destination) == (ends.source, ends.destination)
    ports = packet.source_port or 0, packet.destination_port or 0
    return same and (not ends.destination_port or ports == (ends.source_port, ends.destination_port))
