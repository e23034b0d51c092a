"""What rules that drop or refuse have counted so far, in every table of a namespace, foreign ones too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dataplane.nft.element import comment_of
from dataplane.nft.instruction import VerdictCode
from dataplane.nft.ruleset import FAMILIES
from dataplane.nft.wire import Msg, as_text, attribute_map, attributes

Ask = Callable[[Msg, int, bytes], list[bytes]]
RuleName = tuple[str, str, str, int]
"""Family, table, chain and handle."""


@dataclass(frozen=True, slots=True)
class Tally:
    """packets: that a rule dropped or refused so far. comment: the rule's."""

    packets: int
    comment: str


def read_tallies(ask: Ask) -> dict[RuleName, Tally]:
    """Of each rule with a counter whose verdict is drop, or that rejects."""
    return {name: tally for family in FAMILIES for name, tally in _of_family(ask, family)}


def _of_family(ask: Ask, family: str) -> Iterator[tuple[RuleName, Tally]]:
    for answer in ask(Msg.GETRULE, FAMILIES[family], b""):
        parts = attribute_map(answer)
        packets, drops = _counted(parts.get(4, b""))
        if drops and packets is not None:
            name = family, as_text(parts[1]), as_text(parts[2]), int.from_bytes(parts[3], "big")
            yield name, Tally(packets, comment_of(parts.get(7, b"")))


def _counted(expressions: bytes) -> tuple[int | None, bool]:
    """Packets of a rule's counter, and whether it ends a packet."""
    packets, drops = None, False
    for _, each in attributes(expressions):
        parts = attribute_map(each)
        name, data = as_text(parts.get(1, b"")), attribute_map(parts.get(2, b""))
        if name == "counter":
            packets = int.from_bytes(data.get(2, b""), "big")
        elif name == "reject":
            drops = True
        elif name == "immediate":
            verdict = attribute_map(attribute_map(data.get(2, b"")).get(2, b""))
            drops |= 1 in verdict and int.from_bytes(verdict[1], "big", signed=True) == VerdictCode.DROP
    return packets, drops
