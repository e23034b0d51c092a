"""What names the cluster has: Services, their endpoints and namespaces, kept by single changes. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name of a Service."""

SERVICE_NAME = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class PortRecord:
    """A port that SRV tells: ``_name._protocol``; number None is every port."""

    name: str
    protocol: str
    number: int | None


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """A ready endpoint. label: its hostname, or its address with dashes."""

    address: str
    label: str
    ports: tuple[PortRecord, ...]


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A Service. addresses: its cluster addresses, () for a headless one."""

    addresses: tuple[str, ...]
    ports: tuple[PortRecord, ...]
    headless: bool
    external_name: str = ""


def service_record(service: Object) -> ServiceRecord:
    """The names' side of a Service object."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return ServiceRecord((), (), headless=False, external_name=spec.get("externalName") or "")
    addresses = tuple(spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else []))
    headless = addresses == ("None",)
    return ServiceRecord(() if headless else addresses, _ports(spec.get("ports")), headless)


def _ports(ports: Iterable[Object] | None) -> tuple[PortRecord, ...]:
    return tuple(
        PortRecord(p.get("name") or "", (p.get("protocol") or "TCP").lower(), p.get("port"))
        for p in ports or ()
    )


def endpoint_records(slice_: Object) -> tuple[EndpointRecord, ...]:
    """The ready endpoints of a slice; an absent condition counts as ready."""
    if slice_.get("addressType") == "FQDN":
        return ()
    ports = _ports(slice_.get("ports"))
    return tuple(
        EndpointRecord(address, endpoint.get("hostname") or dashed(address), ports)
        for endpoint in slice_.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint.get("addresses") or ()
    )


def dashed(address: str) -> str:
    """An address as one label.

    >>> dashed("10.244.1.5"), dashed("fd00:10:244:1::5")
    ('10-244-1-5', 'fd00-10-244-1--5')
    """
    return address.replace(".", "-").replace(":", "-")


class ClusterRecords:
    """All that the zone is answered from."""

    def __init__(self) -> None:
        self.namespaces: set[str] = set()
        self.services: dict[Key, ServiceRecord] = {}
        self._slices: dict[Key, dict[str, tuple[EndpointRecord, ...]]] = {}
        self._by_cluster_ip: dict[str, Key] = {}
        self._by_endpoint: dict[str, dict[Key, int]] = {}

    def put_namespace(self, old: Object | None, new: Object | None) -> None:
        """A namespace came or went."""
        if new is not None:
            self.namespaces.add(new["metadata"]["name"])
        elif old is not None:
            self.namespaces.discard(old["metadata"]["name"])

    def put_service(self, old: Object | None, new: Object | None) -> None:
        """A Service came, changed or went."""
        if old is not None:
            record = self.services.pop(_key(old), None)
            for address in record.addresses if record else ():
                self._by_cluster_ip.pop(address, None)
        if new is not None:
            record = service_record(new)
            self.services[_key(new)] = record
            for address in record.addresses:
                self._by_cluster_ip[address] = _key(new)

    def put_slice(self, old: Object | None, new: Object | None) -> None:
        """An EndpointSlice came, changed or went."""
        if old is not None:
            self._take_slice(old)
        if new is not None:
            key = _slice_key(new)
            records = endpoint_records(new)
            self._slices.setdefault(key, {})[new["metadata"]["name"]] = records
            for record in records:
                holders = self._by_endpoint.setdefault(record.address, {})
                holders[key] = holders.get(key, 0) + 1

    def _take_slice(self, old: Object) -> None:
        key = _slice_key(old)
        slices = self._slices.get(key, {})
        for record in slices.pop(old["metadata"]["name"], ()):
            holders = self._by_endpoint.get(record.address, {})
            holders[key] = holders.get(key, 1) - 1
            if holders[key] <= 0:
                del holders[key]
            if not holders:
                self._by_endpoint.pop(record.address, None)
        if not slices:
            self._slices.pop(key, None)

    def endpoints(self, key: Key) -> Iterator[EndpointRecord]:
        """Ready endpoints of a Service."""
        for records in self._slices.get(key, {}).values():
            yield from records

    def service_at(self, address: str) -> Key | None:
        """The Service that has this cluster address."""
        return self._by_cluster_ip.get(address)

    def headless_at(self, address: str) -> list[tuple[Key, str]]:
        """Headless Services that an address is an endpoint of, and its label there."""
        found = []
        for key in self._by_endpoint.get(address, {}):
            service = self.services.get(key)
            if service is not None and service.headless:
                label = next(e.label for e in self.endpoints(key) if e.address == address)
                found.append((key, label))
        return found


def _key(obj: Object) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _slice_key(slice_: Object) -> Key:
    metadata = slice_["metadata"]
    return metadata["namespace"], (metadata.get("labels") or {}).get(SERVICE_NAME, "")
