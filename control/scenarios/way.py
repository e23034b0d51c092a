"""Arrows from a trace: which parts of a picture a packet passed, in order, as the kernel showed it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from control.explain.hops import packet_text
from control.explain.run import TraceReport
from control.scenarios.arrow import Seen
from control.testkit.place import Place
from dataplane.observe.journey import Course, Sighting


@dataclass(frozen=True, slots=True)
class Station:
    """A part of a picture, by the links where a packet is seen in it: shell patterns, ``vxlan*``."""

    part: str
    place: Place
    links: tuple[str, ...]

    def sees(self, sighting: Sighting) -> bool:
        """Whether the packet was here."""
        here = sighting.netns == self.place.netns
        return here and any(fnmatchcase(sighting.interface, link) for link in self.links)


@dataclass(frozen=True, slots=True)
class Step:
    """The packet as a station first had it."""

    part: str
    sighting: Sighting


def steps(report: TraceReport, course: Course, stations: Sequence[Station]) -> list[Step]:
    """The stations that a packet passed, each once in a row; a link that is none of them is named as it is."""
    found: list[Step] = []
    for sighting in report.journey.sightings(course):
        part = next((each.part for each in stations if each.sees(sighting)), None)
        part = part or f"{sighting.netns}/{sighting.interface}"
        if not found or found[-1].part != part:
            found.append(Step(part, sighting))
    return found


def arrows(passed: Sequence[Step]) -> Iterator[Seen]:
    """From each station to the next; ``what`` says whether it crossed bare or in a tunnel."""
    for before, after in itertools.pairwise(passed):
        what = "tunnel" if after.sighting.outer is not None else "packet"
        yield Seen(before.part, after.part, what, evidence(after.sighting), facts(after.sighting))


def facts(sighting: Sighting) -> dict[str, str]:
    """What labels may say of a packet."""
    packet, outer = sighting.packet, sighting.outer
    found = {
        "from": host_port(packet.source, packet.source_port),
        "to": host_port(packet.destination, packet.destination_port),
        "ttl": str(packet.ttl),
    }
    if outer is not None:
        found |= {"outer": f"{outer.source} → {outer.destination}", "vni": str(outer.vni)}
    return found


def evidence(sighting: Sighting) -> str:
    """Where and how it was seen, in one line."""
    way = "out by" if sighting.outgoing else "in by"
    inside = f" in VXLAN {sighting.outer.vni}" if sighting.outer is not None else ""
    return f"{sighting.netns}, {way} {sighting.interface}{inside}: {packet_text(sighting.packet)}"


def host_port(address: object, port: int | None) -> str:
    """``10.0.0.1:80``, ``[fd00::1]:80``."""
    if not port:
        return str(address)
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
