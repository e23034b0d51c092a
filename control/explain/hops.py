"""A journey as numbered lines: each link that the packet passed, each rule that decided, with names. Pure."""

import errno
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from control.explain.atlas import Atlas
from control.explain.causes import is_ordinary, meaning_of
from control.explain.provenance import Provenance, provenance
from dataplane.model.address import HostPort
from dataplane.model.verdict import Direction
from dataplane.nft.instruction import VerdictCode
from dataplane.nft.ruleset import Rule, Table
from dataplane.observe.dissect import Packet
from dataplane.observe.journey import Course, Death, Ends, Journey, Judgement, Sighting, Step
from dataplane.services.nft_layout import REFUSE, UNTRANSLATED
from dataplane.verdicts.groups import OK
from dataplane.verdicts.reading import allowing_element, identity_element, looked_up

_SPREAD = re.compile(r"spread-(\d+)")
_POLICY, _SERVICES = "podwire-policy", "podwire-services"


@dataclass(frozen=True, slots=True)
class Hop:
    """One line. place: of a person's words. what: link, tunnel, proxy, policy, rule, died. said: the line's text.

    time_us: since the packet was sent; None where the kernel gives no time (rules). because: lines below it.
    """

    place: str
    what: str
    said: str
    time_us: float | None = None
    because: tuple[str, ...] = ()
    provenance: Provenance | None = None


def hops_of(journey: Journey, atlas: Atlas, course: Course, policies: dict[str, Table]) -> tuple[Hop, ...]:
    """The lines of one direction. policies: ``inet podwire-policy`` with its elements, by namespace."""
    teller = _Teller(journey, atlas, policies)
    return tuple(teller.tell(course))


@dataclass(slots=True)
class _Teller:
    journey: Journey
    atlas: Atlas
    policies: dict[str, Table]

    def tell(self, course: Course) -> Iterator[Hop]:
        steps = self.journey.of(course)
        if course is Course.REQUEST and self.journey.refused:
            name = errno.errorcode.get(self.journey.refused, str(self.journey.refused))
            yield Hop(
                "", "socket", f"DROPPED before it was sent: {name}, {os.strerror(self.journey.refused)}"
            )
        for index, step in enumerate(steps):
            match step:
                case Sighting():
                    yield self._link(step)
                case Death():
                    yield from self._death(step, steps[:index])
                case Judgement():
                    later = [each for each in steps[index + 1 :] if each.netns == step.netns]
                    yield from self._judgement(step, later)

    def _us(self, time_ns: int) -> float:
        return (time_ns - self.journey.began_ns) / 1000

    def _link(self, seen: Sighting) -> Hop:
        place, link = self.atlas.place(seen.netns), self.atlas.link(seen.netns, seen.interface)
        way = "out by" if seen.outgoing else "in by"
        text = f"{way} {link}: {packet_text(seen.packet)}"
        if seen.outer is not None:
            outer = seen.outer
            text = f"{way} {link}: VXLAN {outer.vni}, {outer.source} → {outer.destination}, ttl {outer.ttl}"
            return Hop(
                place, "tunnel", text, self._us(seen.time_ns), (f"inside: {packet_text(seen.packet)}",)
            )
        return Hop(place, "link", text, self._us(seen.time_ns))

    def _death(self, death: Death, before: Sequence[Step]) -> Iterator[Hop]:
        """The line of a loss; a copy's end is none, and a rule that dropped it has said more."""
        told = any(isinstance(s, Judgement) and s.event.drops and s.netns == death.netns for s in before)
        if is_ordinary(death.reason) or (told and death.reason == "NETFILTER_DROP"):
            return
        place, link = self.atlas.place(death.netns), self.atlas.link(death.netns, death.interface)
        at = f" (at {link})" if link else ""
        said = f"DROPPED: {meaning_of(death)[1]}{at}"
        yield Hop(place, "died", said, self._us(death.time_ns), (f"kernel: {death.said}",))

    def _judgement(self, step: Judgement, later: Sequence[Step]) -> Iterator[Hop]:
        """The line of a rule that says something; most only lead to the next."""
        event = step.event
        found = self.journey.rulesets[step.netns].rule(event.family, event.table, event.chain, event.handle)
        rule = found[1] if found is not None else None
        place = self.atlas.place(step.netns)
        where = f"nft: {event.family} {event.table}, chain {event.chain}, handle {event.handle}"
        match event.table:
            case name if name == _SERVICES:
                yield from self._service(step, rule, place, where, later)
            case name if name == _POLICY:
                yield from self._policy(step, rule, place, where)
            case _ if event.drops or (not event.table.startswith("podwire-") and event.handle):
                said = "DROPPED" if event.drops else event.verdict.text
                comment = f' "{rule.comment}"' if rule is not None and rule.comment else ""
                yield Hop(
                    place,
                    "rule",
                    f"{said} by a rule of {event.family} {event.table}{comment}",
                    None,
                    (where,),
                )

    def _service(
        self, step: Judgement, rule: Rule | None, place: str, where: str, later: Sequence[Step]
    ) -> Iterator[Hop]:
        event, before = step.event, step.before
        if before is None:
            return
        spread = _SPREAD.fullmatch(event.chain)
        translated = spread is not None or event.chain == "sticky"
        if translated and event.verdict.code is VerdictCode.ACCEPT:
            view = self.atlas.service_port(before.destination, before.destination_port, before.protocol)
            name = f"Service {view.service}" if view is not None else "a Service"
            to = _destination(later)
            one_of = f", 1 of {spread.group(1)}" if spread is not None else ", by the client's address"
            asked = HostPort(before.destination, before.destination_port)
            who = f" ({self.atlas.who(to.address)}{one_of})" if to is not None else ""
            origin = self._service_origin(before)
            yield Hop(place, "proxy", f"{name}: DNAT {asked} → {to}{who}", None, (where,), origin)
        elif step.hook == "postrouting" and rule is not None and event.verdict.code is VerdictCode.ACCEPT:
            to_source = next((e.packet.source for e in later if isinstance(e, Sighting) and e.outgoing), None)
            why = f": {rule.comment}" if rule.comment else ""
            yield Hop(place, "proxy", f"masqueraded {before.source} → {to_source}{why}", None, (where,))
        elif event.drops:
            kind = "refused" if event.chain in (REFUSE, UNTRANSLATED) else "dropped"
            port = (
                before.destination
                if not before.destination_port
                else HostPort(before.destination, before.destination_port)
            )
            origin = self._service_origin(before)
            yield Hop(
                place,
                "proxy",
                f"{kind}: {port} {self.atlas.who(before.destination)}".rstrip(),
                None,
                (where,),
                origin,
            )

    def _service_origin(self, asked: Ends) -> Provenance | None:
        """The Service's port that was asked for; the Service itself when it has no such port."""
        view = self.atlas.service_port(asked.destination, asked.destination_port, asked.protocol)
        if view is None:
            who = self.atlas.who(asked.destination)
            return provenance(self.atlas, who) if who.startswith("Service ") else None
        found = self.atlas.object("services", *view.service.split("/"))
        ports = found["spec"]["ports"] if found is not None else ()
        index = next((i for i, each in enumerate(ports) if each["port"] == view.port), 0)
        return provenance(self.atlas, f"Service {view.service} spec.ports[{index}]")

    def _policy(self, step: Judgement, rule: Rule | None, place: str, where: str) -> Iterator[Hop]:
        event, ends = step.event, step.before
        if ends is None or rule is None:
            return
        set_name = looked_up(rule)
        if event.chain == "forward" and set_name.startswith("ingress") and event.verdict.chain == OK:
            yield Hop(
                place,
                "policy",
                f"entering {self._who(ends, 'destination')}: no policy selects it",
                None,
                (where,),
            )
        elif event.drops:
            yield Hop(
                place, "policy", f"DROPPED: {self._deny(event.chain, rule, ends)}", None,
                (*self._peers(step, event.chain, ends), where), self._deny_provenance(rule),
            )  # fmt: skip
        elif "." in set_name and event.verdict.code in (
            VerdictCode.GOTO,
            VerdictCode.RETURN,
            VerdictCode.ACCEPT,
        ):
            direction = Direction.INGRESS if event.verdict.chain == OK else Direction.EGRESS
            table = self.policies.get(step.netns)
            element = allowing_element(table, set_name, ends, direction) if table is not None else None
            who = self._who(ends, "destination" if direction is Direction.INGRESS else "source")
            verb = "entering" if direction is Direction.INGRESS else "leaving"
            by = element.comment.removeprefix("NetworkPolicy ") if element is not None else "a rule"
            origin = provenance(self.atlas, element.comment) if element is not None else None
            yield Hop(place, "policy", f"{verb} {who}: allowed by {by}", None, (where,), origin)

    def _who(self, ends: Ends, end: str) -> str:
        address = ends.destination if end == "destination" else ends.source
        return self.atlas.who(address) or str(address)

    def _deny(self, chain: str, rule: Rule, ends: Ends) -> str:
        if chain == "unknown":
            return f"{ends.destination} is no pod's address (yet, or any more)"
        if not rule.comment.startswith("default deny"):
            return rule.comment or "no flow to judge by"
        direction = "entering" if " ingress" in rule.comment else "leaving"
        who = self._who(ends, "destination" if direction == "entering" else "source")
        names = rule.comment.partition(": ")[2]
        return f"{direction} {who}: default deny by {names}, and no rule of it allows this"

    def _peers(self, step: Judgement, chain: str, ends: Ends) -> tuple[str, ...]:
        """Who the other end is to the policies, as the kernel knows it."""
        table = self.policies.get(step.netns)
        if table is None or chain == "unknown":
            return ()
        element = identity_element(table, ends.source)
        known = element.comment if element is not None else "no pod that this node knows"
        return (f"the kernel knows {ends.source} as: {known}",)

    def _deny_provenance(self, rule: Rule) -> Provenance | None:
        names = rule.comment.partition(": ")[2].split(", ")
        return provenance(self.atlas, f"NetworkPolicy {names[0]} spec.podSelector") if names[0] else None


def packet_text(packet: Packet) -> str:
    """``tcp 10.244.1.2:40112 → 10.96.0.20:80, ttl 64, S``."""

    def end(address: object, port: int | None) -> str:
        shown = f"[{address}]" if ":" in str(address) and port is not None else str(address)
        return shown if port is None else f"{shown}:{port}"

    ports = packet.protocol in ("tcp", "udp", "sctp")
    source = end(packet.source, packet.source_port if ports else None)
    destination = end(packet.destination, packet.destination_port if ports else None)
    flags = f", {packet.flags}" if packet.flags else ""
    kind = f", type {packet.icmp_type}/{packet.icmp_code}" if packet.icmp_type is not None else ""
    return f"{packet.protocol} {source} → {destination}, ttl {packet.ttl}{flags}{kind}"


def _destination(later: Sequence[Step]) -> HostPort | None:
    """Where a translated packet goes: as the next chain or link of that namespace shows it."""
    for each in later:
        if isinstance(each, Sighting) and each.outer is None:
            return HostPort(each.packet.destination, each.packet.destination_port or 0)
        if (
            isinstance(each, Judgement)
            and each.before is not None
            and each.hook in ("prerouting", "input", "forward")
        ):
            if each.event.chain.startswith(("spread", "sticky", "services")):
                continue
            return HostPort(each.before.destination, each.before.destination_port)
    return None
