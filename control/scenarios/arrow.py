"""A picture as data: who takes part, which arrows there must be; and what was seen of them. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

Key = tuple[str, str, str]
"""source, target, what."""


@dataclass(frozen=True, slots=True)
class Part:
    """Somebody in the picture. key: in arrows. label: with facts in braces, ``Pod A<br/>{a}``. group: its frame."""

    key: str
    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow that must be seen. what: the kind of observation that shows it. label: with facts in braces.

    note: a line over the picture before it. answer: drawn as an answer; dead: as the end of a packet.
    """

    source: str
    target: str
    what: str
    label: str = ""
    note: str = ""
    answer: bool = False
    dead: bool = False

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.source, self.target, self.what


@dataclass(frozen=True, slots=True)
class Seen:
    """An arrow that was observed. facts: for the label. evidence: what showed it, one line."""

    source: str
    target: str
    what: str
    evidence: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.source, self.target, self.what


@dataclass(frozen=True, slots=True)
class Compared:
    """Arrows beside what was seen: pairs in the picture's order, what is missing, what is too much."""

    pairs: tuple[tuple[Arrow, Seen], ...]
    missing: tuple[Arrow, ...]
    extra: tuple[Seen, ...]


def compare(arrows: Sequence[Arrow], seen: Sequence[Seen], *, ordered: bool) -> Compared:
    """ordered: one after another, each once; else each at least once, in any order."""
    if ordered:
        return _in_order(arrows, seen)
    first: dict[Key, Seen] = {}
    for each in seen:
        first.setdefault(each.key, each)
    wanted = Counter(arrow.key for arrow in arrows)
    return Compared(
        tuple((arrow, first[arrow.key]) for arrow in arrows if arrow.key in first),
        tuple(arrow for arrow in arrows if arrow.key not in first),
        tuple(each for key, each in first.items() if key not in wanted),
    )


def _in_order(arrows: Sequence[Arrow], seen: Sequence[Seen]) -> Compared:
    matcher = SequenceMatcher(None, [a.key for a in arrows], [s.key for s in seen], autojunk=False)
    pairs: list[tuple[Arrow, Seen]] = []
    missing: list[Arrow] = []
    extra: list[Seen] = []
    for kind, a1, a2, s1, s2 in matcher.get_opcodes():
        if kind == "equal":
            pairs += zip(arrows[a1:a2], seen[s1:s2], strict=True)
        else:
            missing += arrows[a1:a2]
            extra += seen[s1:s2]
    return Compared(tuple(pairs), tuple(missing), tuple(extra))
