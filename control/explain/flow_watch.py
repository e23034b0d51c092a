"""Connections of a running lab as they come, change and go: all nodes' tracking, joined."""

import select
import time
from contextlib import ExitStack

from control.explain.atlas import Atlas
from control.explain.flow_book import Connection, FlowBook, Key
from dataplane.errors import NamespaceGone
from dataplane.observe.tracking import TrackingSocket

_LIST_S = 1.0
"""Between listings: traffic makes no events, and what was there before we listened ends without one."""

_FEW = 2_000
"""So many are listed after each event, too, since events of living connections have no counts."""

Happening = tuple[str, Connection]
"""there (from before), new, state (or the first counts of it) or end, and the connection."""


class FlowWatch:
    """All nodes of a lab, from now on, with what they track already. Close it."""

    def __init__(self, atlas: Atlas) -> None:
        self._stack = ExitStack()
        self._sockets: dict[str, TrackingSocket] = {}
        self._book = FlowBook()
        self._told: dict[Key, Connection] = {}
        try:
            self.nodes(atlas)
            self._list(time.time_ns())
            self._listed = time.monotonic()
            self._told = {each.key: each for each in self._book.connections()}
            self._first: list[Happening] = [("there", each) for each in self._told.values()]
        except BaseException:
            self.close()
            raise

    def nodes(self, atlas: Atlas) -> None:
        """Listen in nodes that came, too."""
        for node in atlas.plan.fabric.nodes:
            if node.name not in self._sockets:
                made = TrackingSocket(node.netns)
                self._stack.callback(made.close)
                self._sockets[node.name] = made

    def close(self) -> None:
        """Let all sockets go."""
        self._stack.close()

    @property
    def lost(self) -> int:
        """Events that found no room; the next listing brought what they would have."""
        return sum(each.lost for each in self._sockets.values())

    def take(self, wait_s: float, *, last: bool = False) -> list[Happening]:
        """What happened since the last call. Waits so long for it, and a moment more for other nodes' part of it.

        last: nobody will ask again, so all is listed, for counts that are not known yet.
        """
        if select.select([*self._sockets.values()], [], [], wait_s)[0]:
            time.sleep(min(wait_s, 0.02))
        now = time.time_ns()
        heard = False
        for name, each in self._sockets.items():
            events = each.read()
            heard |= bool(events)
            self._book.hear(name, events, now)
        few = len(self._book.entries) <= _FEW
        if last or (heard and few) or time.monotonic() - self._listed > _LIST_S:
            self._listed = time.monotonic()
            self._list(now)
            heard = True
        first, self._first = self._first, []
        return first + (self._changed() if heard else [])

    def connections(self) -> list[Connection]:
        """All that there are, as the last call of ``take`` found them."""
        return list(self._told.values())

    def _list(self, now: int) -> None:
        for name, each in list(self._sockets.items()):
            try:
                self._book.read(name, each.list(), now)
            except NamespaceGone:  # a node that was removed
                self._sockets.pop(name)

    def _changed(self) -> list[Happening]:
        alive, over = self._book.take()
        ended: list[Happening] = [("end", each) for each in over if each.key in self._told]
        before, self._told = self._told, {each.key: each for each in alive}
        found = ended
        for key, each in self._told.items():
            if key not in before:
                found.append(("new", each))
            elif _shape(before[key]) != _shape(each):
                found.append(("state", each))
        return found


def _shape(connection: Connection) -> tuple[object, ...]:
    """What is worth a line of its own when it changes; counts are when they are first known."""
    return connection.state, connection.nodes, connection.sent is None
