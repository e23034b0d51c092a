"""One port of a Service as elements of the table's sets: pure."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from dataplane.model.address import Family, IPAddress
from dataplane.model.service import Backend, ServicePort, TrafficScope, Transport
from dataplane.nft.element import Element
from dataplane.nft.statement import Verdict, goto
from dataplane.services.contract import ServiceNode
from dataplane.services.nft_layout import (
    ENDPOINTS,
    HAIRPIN,
    REFUSE,
    REFUSED,
    SERVICES,
    SIDES,
    STICKY,
    STICKY_SLOTS,
    UNSERVED,
    Side,
    kept_name,
    spread,
)

Entry = tuple[str, Element]
"""Name of a set, and an element of it."""


@dataclass(frozen=True, slots=True)
class Entries:
    """What a Service's port has in the kernel.

    own: elements that no other Service can have. hairpin: elements that it may share with others.
    spreads: chains that must be there.
    """

    own: tuple[Entry, ...]
    hairpin: tuple[Entry, ...]
    spreads: frozenset[str]


def entries(port: ServicePort, node: ServiceNode) -> Entries:
    """Everything that one port needs: at its ClusterIP, and at the node's addresses for its NodePort."""
    side = SIDES[port.family]
    comment = port.comment
    own: list[Entry] = []
    spreads: set[str] = set()
    used: dict[IPAddress, None] = {}
    for address, number, scope in doors(port, node):
        key = door_key(address, port.transport, number)
        backends = port.usable(scope)
        if not backends:
            own.append((side.named(REFUSED), Element(key, _refusal(port), comment=comment)))
            continue
        chain, drawn = _drawn(port, backends)
        spreads.add(chain.chain)
        own.append((side.named(SERVICES), Element(key, chain, comment=comment)))
        own.extend(_endpoints(side, key, drawn, comment))
        used.update(dict.fromkeys(backend.address for backend in backends if backend.local))
    if port.node_port is not None and port.external is TrafficScope.LOCAL:
        own.append((kept_name(port.transport), Element(port.node_port.to_bytes(2, "big"), comment=comment)))
    hairpin = tuple((side.named(HAIRPIN), Element(address.packed * 2)) for address in used)
    return Entries(tuple(own), hairpin, frozenset(spreads))


def doors(port: ServicePort, node: ServiceNode) -> Iterator[tuple[IPAddress, int, TrafficScope]]:
    """Addresses and ports where clients come, with the backends they may get."""
    yield port.cluster_ip, port.port, port.internal
    if port.node_port is not None:
        for address in node.addresses:
            if Family.of(address) is port.family:
                yield address, port.node_port, port.external


def _refusal(port: ServicePort) -> Verdict:
    """Refused at once without endpoints; silence where there are some, only not on this node (Local)."""
    return goto(UNSERVED if port.backends else REFUSE)


def _drawn(port: ServicePort, backends: tuple[Backend, ...]) -> tuple[Verdict, list[Backend]]:
    """The chain that draws, and the backend for each number it can draw."""
    if port.affinity is None or len(backends) == 1:
        return goto(spread(len(backends))), list(backends)
    return goto(STICKY), [_owner(slot, backends) for slot in range(STICKY_SLOTS)]


def _owner(slot: int, backends: tuple[Backend, ...]) -> Backend:
    """The backend of a slot by highest random weight: when one goes, only its own slots move."""

    def weight(backend: Backend) -> bytes:
        return hashlib.blake2s(f"{slot} {backend.host_port}".encode(), digest_size=8).digest()

    return max(backends, key=weight)


def _endpoints(side: Side, key: bytes, drawn: list[Backend], comment: str) -> Iterator[Entry]:
    name = side.named(ENDPOINTS)
    for number, backend in enumerate(drawn):
        yield name, Element(key + number.to_bytes(4, sys.byteorder), endpoint_data(backend), comment=comment)


def door_key(address: IPAddress, transport: Transport, port: int) -> bytes:
    """address . protocol . port, packed as the maps' keys are: each field padded to four bytes."""
    return address.packed + transport.to_bytes(1, "big") + b"\0\0\0" + port.to_bytes(2, "big") + b"\0\0"


def endpoint_data(backend: Backend) -> bytes:
    """address . port, packed as the ``endpoints`` map's data is."""
    return backend.address.packed + backend.port.to_bytes(2, "big") + b"\0\0"
