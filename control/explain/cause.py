"""Why a packet was lost: exactly one cause of a closed list, from what was observed. Pure."""

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from control.explain.aim import Aim
from control.explain.atlas import Atlas
from control.explain.causes import Cause, counted, is_ordinary, meaning_of
from dataplane.model.address import IPAddress
from dataplane.observe.journey import Course, Death, Journey, Judgement, Sighting, Step
from dataplane.services.nft_layout import REFUSE, UNSERVED, UNTRANSLATED
from dataplane.verdicts.reading import looked_up


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of it. step: that decided, where one did. said: one sentence. place: where it ended."""

    delivered: bool
    answered: bool
    cause: Cause | None
    said: str
    place: str = ""
    step: Step | None = None


_SEND = {
    errno.ENETUNREACH: (Cause.NO_ROUTE, "the sender has no route to it"),
    errno.EHOSTUNREACH: (Cause.NO_ROUTE, "the sender has no way to it"),
    errno.EMSGSIZE: (Cause.MTU, "it is larger than the sender's link takes, and may not be cut"),
    errno.ENOBUFS: (Cause.QUEUE, "the sender's queue is full"),
    errno.ENETDOWN: (Cause.DEAD_LINK, "the sender's link is down"),
}
_ICMP = {
    ("icmp", 11): (Cause.TTL, "its TTL ran out"),
    ("icmpv6", 3): (Cause.TTL, "its hop limit ran out"),
    ("icmpv6", 2): (Cause.MTU, "it is larger than the next link takes"),
}
_UNREACHABLE4 = {4: (Cause.MTU, "it is larger than the next link takes, and may not be cut"),
                 3: (Cause.NO_LISTENER, "nobody listens on that port")}  # fmt: skip
_UNREACHABLE6 = {4: (Cause.NO_LISTENER, "nobody listens on that port")}


def fate_of(journey: Journey, atlas: Atlas, aim: Aim, source: str) -> Fate:
    """What became of the packet. source: the sender's place."""
    if journey.refused and journey.refused not in (errno.EPERM, errno.EACCES):
        cause, said = _SEND.get(
            journey.refused,
            (Cause.UNKNOWN, f"the kernel refused to send it ({errno.errorcode[journey.refused]})"),
        )
        return Fate(False, False, cause, said, source)
    dropped = _drop(journey, Course.REQUEST)
    if dropped is not None:
        return _by_rule(journey, atlas, aim, dropped)
    reply = _home(journey, Course.REPLY)
    if reply is not None:
        return _answered(atlas, journey, reply)
    by_error, by_kernel = _by_error(journey, atlas), _by_kernel(journey, atlas)
    if by_error is not None and (by_kernel is None or by_kernel.cause is by_error.cause):
        return by_error
    return by_kernel or _silent(journey, atlas, source)


def _drop(journey: Journey, course: Course) -> Judgement | None:
    return next((step for step in journey.judgements(course) if step.event.drops), None)


def _home(journey: Journey, course: Course) -> Sighting | None:
    """The last sighting of a direction, when it came back to where the request left."""
    out, back = journey.sightings(Course.REQUEST), journey.sightings(course)
    if not out or not back:
        return None
    return back[-1] if back[-1].netns == out[0].netns and not back[-1].outgoing else None


def _answered(atlas: Atlas, journey: Journey, reply: Sighting) -> Fate:
    origin = journey.sightings(Course.REPLY)[0]
    if "R" in reply.packet.flags:
        said = "nobody listens on that port: the kernel there answered with a reset"
        return Fate(False, True, Cause.NO_LISTENER, said, atlas.place(origin.netns), origin)
    return Fate(True, True, None, "", atlas.place(origin.netns), origin)


def _by_error(journey: Journey, atlas: Atlas) -> Fate | None:
    errors = journey.sightings(Course.ERROR)
    if not errors:
        return None
    first = errors[0]
    packet = first.packet
    kind, code = packet.icmp_type or 0, packet.icmp_code or 0
    found = _ICMP.get((packet.protocol, kind))
    if found is None and (packet.protocol, kind) == ("icmp", 3):
        found = _UNREACHABLE4.get(code)
    if found is None and (packet.protocol, kind) == ("icmpv6", 1):
        found = _UNREACHABLE6.get(code)
    cause, said = found or (Cause.NO_ROUTE, "there is no way on from there")
    return Fate(False, True, cause, f"{said}: {packet.source} said so", atlas.place(first.netns), first)


def _by_kernel(journey: Journey, atlas: Atlas) -> Fate | None:
    """Where the kernel says that it gave the packet up, and why; None where it gave no reason that tells."""
    if journey.sightings(Course.REPLY):
        return None
    for death in reversed(deaths(journey, Course.REQUEST)):
        cause, said = meaning_of(death)
        if cause is not Cause.UNKNOWN:
            refused = bool(journey.sightings(Course.ERROR))
            return Fate(False, refused, cause, f"{said} ({death.said})", atlas.place(death.netns), death)
    return None


def deaths(journey: Journey, course: Course) -> list[Death]:
    """Where the kernel gave a direction up, without copies whose end is no loss."""
    return [step for step in journey.deaths(course) if not is_ordinary(step.reason)]


def _by_rule(journey: Journey, atlas: Atlas, aim: Aim, judgement: Judgement) -> Fate:
    place, event = atlas.place(judgement.netns), judgement.event
    cause, said = _rule_cause(journey, atlas, aim, judgement)
    refused = _home(journey, Course.REPLY) is not None or _home(journey, Course.ERROR) is not None
    at = f"{event.family} {event.table}, chain {event.chain}"
    return Fate(False, refused, cause, f"{said} ({at})", place, judgement)


def _rule_cause(journey: Journey, atlas: Atlas, aim: Aim, judgement: Judgement) -> tuple[Cause, str]:
    event = judgement.event
    found = journey.rulesets[judgement.netns].rule(event.family, event.table, event.chain, event.handle)
    comment = found[1].comment if found is not None else ""
    match event.table, event.chain:
        case "podwire-policy", "unknown":
            return Cause.NOT_KNOWN_YET, "no pod of this node has that address"
        case "podwire-policy", "forward":
            return Cause.INVALID, "conntrack knows no flow that it could belong to"
        case "podwire-policy", _:
            return Cause.POLICY, comment or "default deny"
        case "podwire-fault", _:
            return Cause.FAULT, comment
        case "podwire-guard", _:
            return Cause.FORGED, comment
        case "podwire-services", chain if chain == UNSERVED:
            asked = judgement.before
            view = asked and atlas.service_port(asked.destination, asked.destination_port, asked.protocol)
            whose = f"Service {view.service}" if view else aim.said
            return Cause.LOCAL_ONLY, f"{whose}: traffic policy Local, and no endpoint on this node"
        case "podwire-services", chain if chain == REFUSE:
            return _refusal(journey, atlas, judgement)
        case "podwire-services", chain if chain == UNTRANSLATED:
            whose = atlas.who(judgement.before.destination) if judgement.before is not None else ""
            if not whose:
                return Cause.UNALLOCATED, "its address is in the Service range and belongs to no Service"
            return Cause.UNDEFINED_PORT, f"{whose} is there for its ports only: nobody answers an echo"
    return Cause.FOREIGN_RULE, f"dropped by a rule of table {event.family} {event.table}" + (
        f": {comment}" if comment else ""
    )


def _refusal(journey: Journey, atlas: Atlas, judgement: Judgement) -> tuple[Cause, str]:
    """Which rule sent it to be refused: the Service's own entry, or the one for the rest of the range."""
    if judgement.event.handle == _first_handle(journey, judgement):
        return Cause.INVALID, "conntrack calls it INVALID"
    before, address = list(_before(journey, judgement)), judgement.before
    sender = next((each for each in reversed(before) if each.event.verdict.chain == REFUSE), None)
    name = ""
    if sender is not None:
        event = sender.event
        rule = journey.rulesets[sender.netns].rule(event.family, event.table, event.chain, event.handle)
        name = looked_up(rule[1]) if rule is not None else ""
    if address is None:
        return Cause.NO_ENDPOINTS, "refused"
    view = atlas.service_port(address.destination, address.destination_port, address.protocol)
    service = f"Service {view.service}" if view is not None else atlas.who(address.destination)
    if name.startswith("refused"):
        return Cause.NO_ENDPOINTS, f"{service} has no ready endpoint for port {address.destination_port}"
    if service:
        return Cause.UNDEFINED_PORT, f"{service} has no port {address.destination_port}"
    return Cause.UNALLOCATED, f"{address.destination} is in the Service range and belongs to no Service"


def _first_handle(journey: Journey, judgement: Judgement) -> int:
    """The handle of a chain's first rule."""
    event = judgement.event
    chain = journey.rulesets[judgement.netns].by_name.get((event.family, event.table, event.chain))
    return chain.rules[0].handle if chain is not None and chain.rules else 0


def _before(journey: Journey, judgement: Judgement) -> Iterator[Judgement]:
    for step in journey.judgements(judgement.course):
        if step is judgement:
            return
        if step.netns == judgement.netns:
            yield step


def _silent(journey: Journey, atlas: Atlas, source: str) -> Fate:
    """No rule, no answer, no error: where it was last seen, and what the kernel counted there."""
    seen = journey.sightings(Course.REQUEST)
    if not seen:
        return Fate(False, False, Cause.UNKNOWN, "it was never seen on a link", source)
    at_home = [each for each in seen if _arrived(atlas, each)]
    flooded = _flooded(seen)
    last = at_home[-1] if at_home else next(each for each in reversed(seen) if each not in flooded)
    place = atlas.place(last.netns)
    by_count = counted(journey.rises.get(last.netns, {}))
    answer = journey.sightings(Course.REPLY)
    if answer:
        lost, died = _drop(journey, Course.REPLY), deaths(journey, Course.REPLY)
        where = atlas.place((lost or (died or answer)[-1]).netns)
        by = ""
        if lost is not None:
            by = f" by {lost.event.family} {lost.event.table}, chain {lost.event.chain}"
        elif died:
            by = f": {meaning_of(died[-1])[1]} ({died[-1].said})"
        return Fate(
            True,
            False,
            Cause.ANSWER_LOST,
            f"it was answered, and the answer was lost{by}",
            where,
            lost or last,
        )
    if by_count is not None and not (at_home and by_count[0] is Cause.NO_ROUTE):
        return Fate(False, False, by_count[0], by_count[1], place, last)
    if at_home:
        return Fate(True, False, None, "no answer came", place, last)
    if flooded:
        whose = atlas.who_has_mac(flooded[0].next_hop)
        said = f"a bridge there knows no port for {flooded[0].next_hop}{whose}, sent it to all, and nobody took it"
        return Fate(False, False, Cause.DEAD_LINK, said, place, last)
    if last.outgoing:
        after = f"it left {last.interface} of {place} and came in nowhere"
        return Fate(False, False, Cause.DEAD_LINK, after, place, last)
    drops = [name for name in journey.rises.get(last.netns, {}) if name.startswith("dev.")]
    if drops:
        link = drops[0].removeprefix("dev.").rpartition(".")[0]
        return Fate(False, False, Cause.DEAD_LINK, f"{link} of {place} could not send it", place, last)
    unexplained = deaths(journey, Course.REQUEST)
    if unexplained:
        death = unexplained[-1]
        return Fate(False, False, Cause.UNKNOWN, meaning_of(death)[1], atlas.place(death.netns), death)
    said = f"it came in by {last.interface} of {place} and was seen no more; the kernel counted no reason"
    return Fate(False, False, Cause.UNKNOWN, said, place, last)


def _flooded(seen: Sequence[Sighting]) -> list[Sighting]:
    """Copies that a bridge sent to whoever might be meant, and that ended there."""
    return [
        each
        for index, each in enumerate(seen)
        if each.strange
        and not each.outgoing
        and all(later.netns != each.netns for later in seen[index + 1 :])
    ]


def _arrived(atlas: Atlas, seen: Sighting) -> bool:
    """It came in where its destination address lives."""
    mine = not seen.outgoing and not seen.strange and seen.outer is None
    return mine and _owns(atlas, seen.netns, seen.packet.destination)


def _owns(atlas: Atlas, netns: str, address: IPAddress) -> bool:
    """A place has that address, as the API and the plan know it."""
    pod = atlas.pod_in(netns)
    if pod is not None:
        return address in pod.ips
    internet = atlas.plan.fabric.internet
    if netns == internet.netns:
        return any(address in network for network in internet.ranges if network.version == address.version)
    for node in atlas.plan.fabric.nodes:
        if node.netns == netns:
            return address in node.addresses or address in [gateway.ip for gateway in node.gateways]
    return False
