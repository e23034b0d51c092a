"""Cluster IPs and node ports: who holds what, as the stored Services say.

The Services in the store are the only durable record; this is their index, and what writes under way have
reserved. Nothing is released but by a stored change, so an address is never given twice.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from typing import Final

from control.api.request import Json
from control.store.contract import Change, Event, Key, Store
from dataplane.model.address import Family, IPAddress, IPNetwork

SERVICES: Final = "/services"


class Taken(Exception):
    """Another Service holds it."""


class OutOfRange(Exception):
    """Not one of the pool's."""


class Exhausted(Exception):
    """Nothing is left."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a Service holds."""

    addresses: frozenset[IPAddress] = frozenset()
    ports: frozenset[int] = frozenset()

    @staticmethod
    def by(service: Json) -> "Held":
        """As its spec says."""
        spec = service.get("spec", {})
        addresses = {ip_address(text) for text in spec.get("clusterIPs") or () if text and text != "None"}
        ports = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
        if spec.get("healthCheckNodePort"):
            ports.add(spec["healthCheckNodePort"])
        return Held(frozenset(addresses), frozenset(ports))


_NOTHING: Final = Held()


class ServiceAllocator:
    """The index; subscribes to the store's Services."""

    def __init__(self, store: Store, cidrs: Sequence[IPNetwork], node_ports: range) -> None:
        self.cidrs = {Family.of(cidr): cidr for cidr in cidrs}
        self.node_ports = node_ports
        self._addresses: dict[IPAddress, Key] = {}
        self._ports: dict[int, Key] = {}
        self._held: dict[Key, Held] = {}
        for entry in store.list(SERVICES):
            self._set(entry.key, Held.by(entry.parsed()))
        store.subscribe(SERVICES, self._take)

    @property
    def families(self) -> tuple[Family, ...]:
        """The cluster's, the primary one first."""
        return tuple(self.cidrs)

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            gone = event.change is Change.DELETED
            self._set(event.entry.key, _NOTHING if gone else Held.by(event.entry.parsed()))

    def _set(self, key: Key, now: Held) -> None:
        before = self._held.pop(key, _NOTHING)
        for address in before.addresses - now.addresses:
            self.release_address(address, key)
        for port in before.ports - now.ports:
            self.release_port(port, key)
        for address in now.addresses:
            self._addresses[address] = key
        for port in now.ports:
            self._ports[port] = key
        if now != _NOTHING:
            self._held[key] = now

    def release_address(self, address: IPAddress, key: Key) -> None:
        """Give an address back, if it is this Service's."""
        if self._addresses.get(address) == key:
            del self._addresses[address]

    def release_port(self, port: int, key: Key) -> None:
        """Give a port back, if it is this Service's."""
        if self._ports.get(port) == key:
            del self._ports[port]

    def take_address(self, address: IPAddress, key: Key) -> bool:
        """Reserve this one; True when it was not this Service's before. Raises Taken, OutOfRange."""
        cidr = self.cidrs.get(Family.of(address))
        if cidr is None or not _usable(address, cidr):
            raise OutOfRange
        holder = self._addresses.setdefault(address, key)
        if holder != key:
            raise Taken
        return address not in self._held.get(key, _NOTHING).addresses

    def next_address(self, family: Family, key: Key) -> IPAddress:
        """Reserve any one, from the upper band first, so that chosen ones of the lower band seldom clash.

        Raises Exhausted.
        """
        cidr = self.cidrs[family]
        size = min(cidr.num_addresses, 1 << 16)
        lower = min(max(16, size // 16), 256) if size > 32 else 1
        for first, last in ((lower, size - 1), (1, lower)):
            if last <= first:
                continue
            start = random.randrange(first, last)
            for offset in chain(range(start, last), range(first, start)):
                address = cidr[offset]
                if address not in self._addresses and _usable(address, cidr):
                    self._addresses[address] = key
                    return address
        raise Exhausted

    def take_port(self, port: int, key: Key) -> bool:
        """Reserve this one; True when it was not this Service's before. Raises Taken, OutOfRange."""
        if port not in self.node_ports:
            raise OutOfRange
        if self._ports.setdefault(port, key) != key:
            raise Taken
        return port not in self._held.get(key, _NOTHING).ports

    def next_port(self, key: Key) -> int:
        """Reserve any one, from the upper band first: manifests name low ones. Raises Exhausted."""
        ports: Sequence[int] = self.node_ports
        lower = min(max(16, len(ports) // 32), 128) if len(ports) > 32 else 0
        start = random.randrange(lower, len(ports))
        for port in chain(ports[start:], ports[lower:start], ports[:lower]):
            if port not in self._ports:
                self._ports[port] = key
                return port
        raise Exhausted


def _usable(address: IPAddress, cidr: IPNetwork) -> bool:
    """In the range, and neither its first nor (for IPv4) its last."""
    if address not in cidr or address == cidr.network_address:
        return False
    return address.version == 6 or address != cidr.broadcast_address
