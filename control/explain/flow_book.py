"""Connections of a whole lab from what each node tracks: an entry in two nodes is one connection. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dataplane.model.address import HostPort
from dataplane.observe.tracking import Change, Counts, Tracked

Key = tuple[int, HostPort, HostPort]
"""Protocol, sender and receiver, as a packet has them between two translations."""


@dataclass(frozen=True, slots=True)
class Connection:
    """client, asked: as it began. answers: the endpoint. seen_as: the client, as the endpoint sees it.

    nodes: that track it, in the order of the packet's way. sent, back: counted where it began, None when it is not
    counted. began_ns: since 1970, as its first node noted it, or as it was first seen here.
    """

    protocol: int
    client: HostPort
    asked: HostPort
    answers: HostPort
    seen_as: HostPort
    nodes: tuple[str, ...]
    state: str
    sent: Counts | None
    back: Counts | None
    began_ns: int

    @property
    def key(self) -> Key:
        """What it is known by while it lasts."""
        return self.protocol, self.client, self.asked


@dataclass(slots=True)
class FlowBook:
    """Entries of all nodes; ``connections`` joins them."""

    entries: dict[tuple[str, int], Tracked] = field(default_factory=dict)
    _ended: list[tuple[str, Tracked]] = field(default_factory=list)

    def hear(self, node: str, events: Iterable[tuple[Change, Tracked]], now_ns: int) -> None:
        """Events of a node, in order."""
        for change, entry in events:
            key = node, entry.number
            if change is Change.END:
                before = self.entries.pop(key, None)
                self._ended.append((node, _joined(entry, before, now_ns)))
            else:
                self.entries[key] = _joined(entry, self.entries.get(key), now_ns)

    def read(self, node: str, listed: Iterable[Tracked], now_ns: int) -> None:
        """All that a node tracks: counts anew, and what ended unheard is gone."""
        found = {(node, entry.number): entry for entry in listed}
        for key in [key for key in self.entries if key[0] == node and key not in found]:
            self._ended.append((node, self.entries.pop(key)))
        for key, entry in found.items():
            self.entries[key] = _joined(entry, self.entries.get(key), now_ns)

    def connections(self) -> list[Connection]:
        """As they are now, the oldest first."""
        return join((node, entry) for (node, _), entry in self.entries.items())

    def take(self) -> tuple[list[Connection], list[Connection]]:
        """What there is, and what ended since the last call and no node tracks any more."""
        alive, ended = self.connections(), self._ended
        self._ended = []
        keys = {connection.key for connection in alive} if ended else set()
        return alive, [each for each in join(ended) if each.key not in keys]


def _joined(entry: Tracked, before: Tracked | None, now_ns: int) -> Tracked:
    """An entry with what only earlier news had: events come without counts, and some without a state."""
    if before is None:
        return entry if entry.began_ns else replace(entry, began_ns=now_ns)
    return replace(
        entry,
        sent=entry.sent or before.sent,
        back=entry.back or before.back,
        began_ns=entry.began_ns or before.began_ns,
    )


def join(entries: Iterable[tuple[str, Tracked]]) -> list[Connection]:
    """Entries as connections: what leaves one node is what comes into the next."""
    rest = [(node, entry) for node, entry in entries if not entry.source.address.is_loopback]
    arriving: dict[Key, list[tuple[str, Tracked]]] = {}
    for node, entry in rest:
        arriving.setdefault(_in(entry), []).append((node, entry))
    leaving: dict[Key, set[str]] = {}
    for node, entry in rest:
        leaving.setdefault(_out(entry), set()).add(node)
    found, used = [], set[int]()
    # First those that come from outside all nodes: nobody's other entry leads to them with a translation.
    for node, entry in sorted(rest, key=lambda each: (_is_led_to(each, leaving), each[1].began_ns)):
        if id(entry) in used:
            continue
        chain = _chain(node, entry, arriving, used)
        found.append(_connection(chain))
    return sorted(found, key=lambda each: each.began_ns)


def _in(entry: Tracked) -> Key:
    return entry.protocol, entry.source, entry.asked


def _out(entry: Tracked) -> Key:
    return entry.protocol, entry.towards, entry.answers


def _is_led_to(each: tuple[str, Tracked], leaving: dict[Key, set[str]]) -> bool:
    """Another node sends on, translated, what this one got."""
    node, entry = each
    translated = _in(entry) == _out(entry)
    return translated and bool(leaving.get(_in(entry), set()) - {node})


def _chain(
    node: str, entry: Tracked, arriving: dict[Key, list[tuple[str, Tracked]]], used: set[int]
) -> list[tuple[str, Tracked]]:
    """An entry, and those of other nodes that its packets come to next."""
    chain = [(node, entry)]
    used.add(id(entry))
    following = True
    while following:
        following = False
        for other, later in arriving.get(_out(chain[-1][1]), ()):
            if id(later) not in used and all(other != there for there, _ in chain):
                chain.append((other, later))
                used.add(id(later))
                following = True
                break
    return chain


def _connection(chain: list[tuple[str, Tracked]]) -> Connection:
    first, last = chain[0][1], chain[-1][1]
    return Connection(
        first.protocol, first.source, first.asked, last.answers, last.towards, tuple(node for node, _ in chain),
        first.state, first.sent, first.back, first.began_ns,
    )  # fmt: skip
