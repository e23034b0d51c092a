"""The pods of one node as each other's permanent neighbours.

Pods of a node are on one link, so each would ask for each other's MAC and remember the answer in the kernel's one table
for all namespaces of the machine. It holds 1,024 answers of the last five seconds, then packets are dropped: 40 pods
that all talk to each other lost a third of their datagrams. Permanent entries do not count, and we know all MACs.
"""

from dataclasses import dataclass, field
from functools import partial

from dataplane.model.address import IPAddress, MacAddress
from dataplane.netlink import path_order
from dataplane.netlink.batch import BatchSocket, framed

MOST = 256
"""Pods of a node that are introduced to each other: 256 take 130,000 entries, and 2.5 ms for one more. Those beyond
ask as usual."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A pod. socket: open in its namespace, which it keeps alive until the pod leaves. index: of its ``eth0``."""

    socket: BatchSocket
    index: int
    addresses: tuple[IPAddress, ...]
    mac: MacAddress
    _introductions: dict[int, bytes] = field(default_factory=dict)

    def introduction(self, index: int) -> bytes:
        """What tells a pod whose ``eth0`` has that index of this one: made once, as most have the same."""
        known = self._introductions.get(index)
        if known is None:
            add = partial(path_order.add_neighbour, index, mac=self.mac)
            known = self._introductions[index] = framed([add(each) for each in self.addresses])
        return known

    def farewell(self, index: int) -> bytes:
        """What makes such a pod ask, in vain, when it looks for this one."""
        return framed([path_order.delete_neighbour(index, each) for each in self.addresses])


class Neighbourhood:
    """Who lives on the node, by the name of the pod's port. Owns their sockets."""

    def __init__(self) -> None:
        self._residents: dict[str, Resident] = {}

    def __len__(self) -> int:
        return len(self._residents)

    def close(self) -> None:
        """Let all namespaces go; the entries stay."""
        for resident in self._residents.values():
            resident.socket.close()
        self._residents.clear()

    def settle(self, port: str, resident: Resident) -> None:
        """One that the others know already, from before this process began."""
        self._evict(port)
        if len(self) < MOST:
            self._residents[port] = resident
        else:
            resident.socket.close()

    def join(self, port: str, newcomer: Resident) -> None:
        """Introduce a pod and all others to each other. Raises LinkError."""
        self._evict(port)
        if len(self) >= MOST:
            newcomer.socket.close()
            return
        others = list(self._residents.values())
        self._residents[port] = newcomer
        newcomer.socket.tell(b"".join(other.introduction(newcomer.index) for other in others))
        for other in others:
            other.socket.tell(newcomer.introduction(other.index))

    def leave(self, port: str) -> None:
        """The others forget a pod, and its namespace is let go. One that is unknown is no error."""
        gone = self._evict(port)
        if gone is None:
            return
        others = self._residents.values()
        farewells = {index: gone.farewell(index) for index in {other.index for other in others}}
        for other in others:
            other.socket.tell(farewells[other.index])

    def _evict(self, port: str) -> Resident | None:
        gone = self._residents.pop(port, None)
        if gone is not None:
            gone.socket.close()
        return gone
