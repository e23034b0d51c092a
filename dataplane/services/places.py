"""Endpoints keep their numbers: when one comes or goes, no more elements change than must. Pure."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dataplane.model.service import ServicePort
from dataplane.nft.element import Element
from dataplane.services.contract import Ports
from dataplane.services.nft_entries import door_key, endpoint_data

Places = Mapping[bytes, Sequence[bytes]]
"""Endpoints by number, at a ClusterIP's port; both packed as in the ``endpoints`` map."""
_NUMBER_BYTES = 4


def places_of(ports: Ports) -> dict[bytes, list[bytes]]:
    """The numbers that the endpoints of these ports have."""
    return {_door(port): [endpoint_data(backend) for backend in port.backends] for port in ports}


def _door(port: ServicePort) -> bytes:
    return door_key(port.cluster_ip, port.transport, port.port)


def keep_places(ports: Ports, before: Places) -> Ports:
    """The same ports, their backends in an order in which as many as can keep the number they had."""
    return tuple(_kept(port, before.get(_door(port), ())) for port in ports)


def _kept(port: ServicePort, before: Sequence[bytes]) -> ServicePort:
    packed = [endpoint_data(backend) for backend in port.backends]
    if not before or packed == before:
        return port
    waiting = dict(zip(packed, port.backends, strict=True))
    count = len(waiting)
    kept = {number: waiting.pop(place) for number, place in enumerate(before[:count]) if place in waiting}
    rest = iter(waiting.values())
    return replace(port, backends=tuple(kept[n] if n in kept else next(rest) for n in range(count)))


def places_in_kernel(endpoints: Mapping[bytes, Element]) -> dict[bytes, list[bytes]]:
    """The numbers that endpoints have in an ``endpoints`` map, so that a restarted proxy changes nothing."""
    numbered: dict[bytes, list[tuple[int, bytes]]] = {}
    for key, element in endpoints.items():
        if isinstance(element.data, bytes):
            number = int.from_bytes(key[-_NUMBER_BYTES:], sys.byteorder)
            numbered.setdefault(key[:-_NUMBER_BYTES], []).append((number, element.data))
    return {door: [data for _number, data in sorted(found)] for door, found in numbered.items()}
