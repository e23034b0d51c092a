"""A trace as a picture: a sequence diagram in Mermaid or SVG, with the observed addresses. Pure."""

from dataclasses import dataclass
from html import escape

from control.explain.atlas import Atlas
from control.explain.cause import Fate
from control.explain.causes import is_ordinary
from control.explain.hops import packet_text
from dataplane.observe.journey import Course, Journey, Judgement, Sighting


@dataclass(frozen=True, slots=True)
class Arrow:
    """The packet passed from one place to another. label: as it was on the wire. dead: it arrived nowhere."""

    source: str
    target: str
    label: str
    course: Course
    dead: bool = False


def arrows_of(journey: Journey, atlas: Atlas, fate: Fate | None = None) -> tuple[Arrow, ...]:
    """Place by place, in order of time: each cable that the packet and its answer crossed.

    fate: shown where the packet was lost and neither a rule nor the kernel tells of it.
    """
    found: list[Arrow] = []
    for course in Course:
        last: Sighting | None = None
        for seen in journey.sightings(course):
            if last is not None and last.netns != seen.netns and not seen.outgoing and last.outgoing:
                found.append(Arrow(atlas.place(last.netns), atlas.place(seen.netns), _label(seen), course))
            last = seen
        drop = next((step for step in journey.judgements(course) if step.event.drops), None)
        if isinstance(drop, Judgement):
            place = atlas.place(drop.netns)
            label = f"dropped by {drop.event.table}, {drop.event.chain}"
            found.append(Arrow(place, place, label, course, dead=True))
        elif died := [death for death in journey.deaths(course) if not is_ordinary(death.reason)]:
            place = atlas.place(died[-1].netns)
            found.append(Arrow(place, place, f"died: {died[-1].said}", course, dead=True))
        elif course is Course.REQUEST and fate is not None and not fate.delivered:
            found.append(Arrow(fate.place, fate.place, f"lost: {fate.cause}", course, dead=True))
    return tuple(found)


def _label(seen: Sighting) -> str:
    text = packet_text(seen.packet)
    if seen.outer is None:
        return text
    return f"VXLAN {seen.outer.source} → {seen.outer.destination} [{text}]"


def mermaid(arrows: tuple[Arrow, ...]) -> str:
    """A sequenceDiagram; places in the order in which the packet reached them."""
    places = _places(arrows)
    names = {place: f"p{index}" for index, place in enumerate(places)}
    lines = ["sequenceDiagram", *(f"    participant {names[place]} as {place}" for place in places)]
    for arrow in arrows:
        line = "-x" if arrow.dead else "->>" if arrow.course is Course.REQUEST else "-->>"
        lines.append(f"    {names[arrow.source]}{line}{names[arrow.target]}: {arrow.label.replace(';', ',')}")
    return "\n".join(lines) + "\n"


def _places(arrows: tuple[Arrow, ...]) -> list[str]:
    return list(dict.fromkeys(place for arrow in arrows for place in (arrow.source, arrow.target)))


_LANE, _ROW, _TOP, _MARGIN = 330, 34, 56, 120
_COLOURS = {Course.REQUEST: "#1f6feb", Course.REPLY: "#2da44e", Course.ERROR: "#cf222e"}


def svg(arrows: tuple[Arrow, ...]) -> str:
    """The same as one self-contained SVG file."""
    places = _places(arrows)
    at = {place: _MARGIN + index * _LANE for index, place in enumerate(places)}
    width, height = 2 * _MARGIN + _LANE * max(0, len(places) - 1), _TOP + _ROW * (len(arrows) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, x in at.items():
        parts.append(f'<line x1="{x}" y1="{_TOP - 20}" x2="{x}" y2="{height - 10}" stroke="#d0d7de"/>')
        parts.append(
            f'<text x="{x}" y="{_TOP - 28}" text-anchor="middle" font-weight="bold">{escape(place)}</text>'
        )
    for row, arrow in enumerate(arrows):
        parts += _drawn(arrow, at, _TOP + _ROW * row + 14)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _drawn(arrow: Arrow, at: dict[str, int], y: int) -> list[str]:
    colour = "#cf222e" if arrow.dead else _COLOURS[arrow.course]
    x1, x2 = at[arrow.source], at[arrow.target]
    label = escape(arrow.label)
    if arrow.dead:
        cross = f"M{x1 - 5},{y - 5}l10,10m0,-10l-10,10"
        return [
            f'<path d="{cross}" stroke="{colour}" stroke-width="2" fill="none"/>',
            f'<text x="{x1 + 12}" y="{y + 4}" fill="{colour}">{label}</text>',
        ]
    tip = 7 if x2 > x1 else -7
    return [
        f'<line x1="{x1}" y1="{y}" x2="{x2}" y2="{y}" stroke="{colour}"/>',
        f'<path d="M{x2},{y}l{-tip},-4v8z" fill="{colour}"/>',
        f'<text x="{(x1 + x2) // 2}" y="{y - 4}" text-anchor="middle" fill="{colour}">{label}</text>',
    ]
