"""Connection tracking entries that point to endpoints that are gone.

UDP has no end of a connection: an entry lives on as long as its client keeps sending, and keeps sending to
the endpoint that was drawn for its first packet. TCP entries are left alone; their connections end by themselves.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dataplane.errors import KernelError
from dataplane.model.service import ServicePort, Transport
from dataplane.netns.enter import run_inside
from dataplane.nft import wire
from dataplane.services.contract import Ports, ServiceNode
from dataplane.services.nft_entries import doors

_NETLINK_NETFILTER = 12
_CT_GET, _CT_DELETE = 1, 2
_TUPLE_ORIGINAL, _TUPLE_REPLY, _ID, _ZONE = 1, 2, 12, 18
_RECEIVE_BYTES = 1 << 17
_FAMILIES = (socket.AF_INET, socket.AF_INET6)

End = tuple[bytes, int]
"""A packed address and a port."""
Drawn = Mapping[End, frozenset[End]]
"""UDP doors, and where their flows may still go."""


def doors_changed(have: Mapping[str, Ports], want: Mapping[str, Ports], node: ServiceNode) -> Drawn:
    """UDP doors that are new, are gone, or lost an endpoint, each with the endpoints that stay.

    A new door counts: flows to it from before the Service were never translated, and never will be.
    """
    before, after = _drawn(have, node), _drawn(want, node)
    changed = {
        door: after.get(door, frozenset()) for door, drawn in before.items() if drawn - after.get(door, set())
    }
    changed |= {door: frozenset() for door in before if door not in after}
    changed |= {door: drawn for door, drawn in after.items() if door not in before}
    return changed


def _drawn(services: Mapping[str, Ports], node: ServiceNode) -> dict[End, frozenset[End]]:
    udp = (port for ports in services.values() for port in ports if port.transport is Transport.UDP)
    return {door: drawn for port in udp for door, drawn in _of_port(port, node)}


def _of_port(port: ServicePort, node: ServiceNode) -> Iterator[tuple[End, frozenset[End]]]:
    for address, number, scope in doors(port, node):
        backends = port.usable(scope)
        yield (address.packed, number), frozenset((each.address.packed, each.port) for each in backends)


@dataclass(frozen=True, slots=True)
class _Flow:
    """An entry: where its client sends, who answers, and what a delete needs."""

    family: int
    door: End
    answers: End
    naming: bytes


class Conntrack:
    """Connection tracking of one namespace, for deleting. Not for use by two threads at once."""

    def __init__(self, netns: str) -> None:
        self.netns = netns
        self._socket = run_inside(netns, _open)

    def close(self) -> None:
        """Let the socket go."""
        self._socket.close()

    def forget(self, changed: Drawn) -> int:
        """Delete the UDP entries of these doors that go elsewhere than they may; how many there were."""
        if not changed:
            return 0
        stale = [flow for flow in self._udp() if flow.answers not in changed.get(flow.door, (flow.answers,))]
        return sum(self._delete(flow) for flow in stale)

    def _udp(self) -> list[_Flow]:
        flows = []
        for family in _FAMILIES:
            kind = wire.NFNL_SUBSYS_CTNETLINK << 8 | _CT_GET
            self._socket.send(wire.message(kind, wire.NLM_F_DUMP, 0, family, b""))
            for payload in self._answers():
                flow = _flow(family, wire.attribute_map(payload[4:]))
                if flow is not None:
                    flows.append(flow)
        return flows

    def _answers(self) -> Iterator[bytes]:
        while True:
            for kind, _flags, _sequence, payload in wire.messages(self._socket.recv(_RECEIVE_BYTES)):
                if kind == wire.NLMSG_DONE:
                    return
                if kind == wire.NLMSG_ERROR:
                    raise self._failed("can't be listed", -struct.unpack_from("=i", payload)[0])
                yield payload

    def _delete(self, flow: _Flow) -> bool:
        kind = wire.NFNL_SUBSYS_CTNETLINK << 8 | _CT_DELETE
        self._socket.send(wire.message(kind, wire.NLM_F_ACK, 0, flow.family, flow.naming))
        for _kind, _flags, _sequence, payload in wire.messages(self._socket.recv(_RECEIVE_BYTES)):
            error = -struct.unpack_from("=i", payload)[0]
            if error not in {0, errno.ENOENT}:
                raise self._failed("can't be deleted", error)
            return bool(error == 0)
        return False

    def _failed(self, what: str, error: int) -> KernelError:
        return KernelError(f"{self.netns} conntrack", f"a UDP entry {what}", os.strerror(error))


def _flow(family: int, parts: dict[int, bytes]) -> _Flow | None:
    """The entry as a value; None when it is not UDP."""
    original = _tuple(parts[_TUPLE_ORIGINAL])
    reply = _tuple(parts[_TUPLE_REPLY])
    if original is None or reply is None:
        return None
    naming = wire.attribute(_TUPLE_ORIGINAL | wire.NLA_F_NESTED, parts[_TUPLE_ORIGINAL])
    naming += b"".join(wire.attribute(kind, parts[kind]) for kind in (_ID, _ZONE) if kind in parts)
    return _Flow(family, original[1], reply[0], naming)


def _tuple(packed: bytes) -> tuple[End, End] | None:
    """Source and destination of one direction; None when it is not UDP."""
    outer = wire.attribute_map(packed)
    addresses, ports = wire.attribute_map(outer[1]), wire.attribute_map(outer[2])
    if ports[1][0] != Transport.UDP:
        return None
    first = 1 if 1 in addresses else 3
    return (
        (addresses[first], int.from_bytes(ports[2], "big")),
        (addresses[first + 1], int.from_bytes(ports[3], "big")),
    )


def _open() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    made.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE: a listing is longer than the default
    made.bind((0, 0))
    return made
