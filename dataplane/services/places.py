"""Endpoints keep their numbers: when one comes or goes, no more elements change than must. Pure."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address

from dataplane.model.address import HostPort
from dataplane.model.service import ServicePort
from dataplane.nft.element import Element
from dataplane.services.contract import Ports

Places = Mapping[tuple[str, int, int], Sequence[HostPort]]
"""Endpoints by number, at a ClusterIP (text), transport and port."""


def places_of(ports: Ports) -> dict[tuple[str, int, int], tuple[HostPort, ...]]:
    """The numbers that the endpoints of these ports have."""
    return {_door(port): tuple(each.host_port for each in port.backends) for port in ports}


def _door(port: ServicePort) -> tuple[str, int, int]:
    return str(port.cluster_ip), int(port.transport), port.port


def keep_places(ports: Ports, before: Places) -> Ports:
    """The same ports, their backends in an order in which as many as can keep the number they had."""
    return tuple(_kept(port, before.get(_door(port), ())) for port in ports)


def _kept(port: ServicePort, before: Sequence[HostPort]) -> ServicePort:
    if not before:
        return port
    waiting = {backend.host_port: backend for backend in port.backends}
    count = len(waiting)
    kept = {number: waiting.pop(place) for number, place in enumerate(before[:count]) if place in waiting}
    rest = iter(waiting.values())
    return replace(port, backends=tuple(kept[n] if n in kept else next(rest) for n in range(count)))


def places_in_kernel(endpoints: Mapping[bytes, Element]) -> dict[tuple[str, int, int], list[HostPort]]:
    """The numbers that endpoints have in an ``endpoints`` map, so that a restarted proxy changes nothing."""
    numbered: dict[bytes, list[tuple[int, bytes]]] = {}
    for key, element in endpoints.items():
        if isinstance(element.data, bytes):
            number = int.from_bytes(key[-4:], sys.byteorder)
            numbered.setdefault(key[:-4], []).append((number, element.data))
    found = {}
    for key, data in numbered.items():
        size = len(key) - 8
        door = str(ip_address(key[:size])), key[size], int.from_bytes(key[size + 4 : size + 6], "big")
        found[door] = [_host_port(each, size) for _number, each in sorted(data)]
    return found


def _host_port(data: bytes, size: int) -> HostPort:
    return HostPort(ip_address(data[:size]), int.from_bytes(data[size : size + 2], "big"))
