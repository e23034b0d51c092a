"""The way of one packet: where it was seen, in order, and how that differs from what was expected.

``assert wire.hops(b"hello") == [(ann.eth0, udp(ann, door, ttl=64)), (shop.eth0, udp(ann, shop, ttl=62))]``
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from control.testkit.expect import Expected
from control.testkit.tap import Interface
from dataplane.observe.checksum import Checksum
from dataplane.observe.dissect import Packet


class Hop(NamedTuple):
    """A packet at an interface; equal to a pair of an interface and a matcher that equals the packet."""

    interface: Interface
    packet: Packet

    def __repr__(self) -> str:
        return f"{self.interface}  {self.packet!r}"


class Hops(list[Hop]):
    """The hops of one packet, in the order in which they were seen."""

    def __repr__(self) -> str:
        return "\n".join(["Hops:", *(f"  {hop!r}" for hop in self)])

    @property
    def unwrapped(self) -> "Hops":
        """The same, without the VXLAN around it."""
        return Hops(
            Hop(
                hop.interface,
                hop.packet.inner if hop.packet.vni is not None and hop.packet.inner else hop.packet,
            )
            for hop in self
        )

    def with_checksum(self, *kinds: str) -> "Hops":
        """Those where the packet's checksum (an outer one with VXLAN) is one of these."""
        return Hops(hop for hop in self if hop.packet.checksum in kinds)

    @property
    def unsound(self) -> "Hops":
        """Where the packet's own checksum is not right as it stands. Of what a kernel's socket sent, all are: on veth
        no card ever writes them (PARTIAL)."""
        return Hops(hop for hop in self.unwrapped if hop.packet.checksum is not Checksum.RIGHT)


def explain(left: Any, right: Any) -> list[str] | None:
    """What differs between packets that were seen and what was expected of them, as lines of a diff.

    Either side may be the one that was seen; None when these are no packets. ``-`` was expected and is not there,
    ``+`` is there and was not expected; where both are about one place, the fields that differ follow.
    """
    if not left and not right:
        return None
    if _is_seen(left) and _is_wish(right):
        return list(_diff(left, right))
    if _is_seen(right) and _is_wish(left):
        return list(_diff(right, left))
    return None


def _packet_of(entry: Any) -> Any:
    return entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry


def _is_seen(side: Any) -> bool:
    return isinstance(side, Hops) or (
        isinstance(side, list) and all(isinstance(_packet_of(entry), Packet) for entry in side)
    )


def _is_wish(side: Any) -> bool:
    return isinstance(side, list) and all(isinstance(_packet_of(entry), Expected) for entry in side)


def _diff(seen: Sequence[Any], wished: Sequence[Any]) -> Iterator[str]:
    same = _common(seen, wished)
    steps = [*same, (len(seen), len(wished))]
    width = max((len(_place(entry)) for entry in (*seen, *wished)), default=0)
    yield f"{len(seen)} seen, {len(wished)} expected, {len(same)} as expected"
    at_seen = at_wished = 0
    for to_seen, to_wished in steps:
        extra, missing = list(seen[at_seen:to_seen]), list(wished[at_wished:to_wished])
        for wish in missing:
            yield f"- {_place(wish):{width}}  {_packet_of(wish)!r}"
            instead = next((one for one in extra if _place(one) == _place(wish)), None)
            if instead is not None:
                extra.remove(instead)
                yield f"+ {_place(instead):{width}}  {_packet_of(instead)!r}"
                reasons = "; ".join(_packet_of(wish).differences(_packet_of(instead)))
                yield f"? {'':{width}}  {reasons}"
        for one in extra:
            yield f"+ {_place(one):{width}}  {_packet_of(one)!r}"
        if to_seen < len(seen) and to_wished < len(wished):
            yield f"  {_place(seen[to_seen]):{width}}  {_packet_of(seen[to_seen])!r}"
        at_seen, at_wished = to_seen + 1, to_wished + 1


def _place(entry: Any) -> str:
    return str(entry[0]) if isinstance(entry, tuple) and len(entry) == 2 else ""


def _common(seen: Sequence[Any], wished: Sequence[Any]) -> list[tuple[int, int]]:
    """Indexes of a longest series that is equal on both sides, in order."""
    longest = [[0] * (len(wished) + 1) for _ in range(len(seen) + 1)]
    for i in reversed(range(len(seen))):
        for j in reversed(range(len(wished))):
            equal = seen[i] == wished[j]
            longest[i][j] = 1 + longest[i + 1][j + 1] if equal else max(longest[i + 1][j], longest[i][j + 1])
    found, i, j = [], 0, 0
    while i < len(seen) and j < len(wished):
        if seen[i] == wished[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return found
