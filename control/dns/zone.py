"""Answers of the cluster's zone, as the specification of Kubernetes DNS (1.1.0) and CoreDNS give them. Pure.

What CoreDNS does where the specification is silent: a headless Service without ready endpoints does not
exist (NXDOMAIN); a name that exists without records of the asked type is NODATA; a namespace is a name that
exists; pod names are answered by their text alone where the namespace exists (``pods insecure``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeVar

from control.dns.records import ClusterRecords, EndpointRecord, Key, PortRecord, ServiceRecord

TTL_S = 30
"""As in kubeadm's Corefile."""

NOERROR, NXDOMAIN = 0, 3
VERSION = "1.1.0"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record. data: the address, target or text; for SRV (priority, weight, port, target)."""

    name: str
    type: str
    data: str | tuple[int, int, int, str]


@dataclass(slots=True)
class Answer:
    """What to say. Without ``records`` the zone's SOA goes into the authority section.

    elsewhere: a name outside the zone that the client must be told about too (the target of a CNAME).
    """

    rcode: int = NOERROR
    records: list[Record] = field(default_factory=list)
    additional: list[Record] = field(default_factory=list)
    elsewhere: str = ""


def _nothing() -> Answer:
    return Answer(NXDOMAIN)


class Zone:
    """The zone ``domain`` and the reverse zones of what it holds."""

    def __init__(self, domain: str, records: ClusterRecords) -> None:
        self.domain = domain.strip(".").lower()
        self._suffix = tuple(self.domain.split("."))
        self._records = records

    def holds(self, name: str) -> bool:
        """Whether a name (without the last dot, lower case) is ours to answer."""
        return name == self.domain or name.endswith(f".{self.domain}")

    def answer(self, name: str, rtype: str) -> Answer:
        """Answer for a name of the zone; ``name`` as asked, without the last dot."""
        labels = name.lower().split(".")[: -len(self._suffix)]
        if not labels:
            return self._apex(name, rtype)
        if labels == ["dns-version"]:
            return _of_type(rtype, [Record(name, "TXT", VERSION)])
        if labels == ["ns", "dns"]:
            return self._name_server(name, rtype)
        kind, path = labels[-1], labels[:-1]
        if kind == "svc":
            return self._service(name, rtype, path)
        if kind == "pod":
            return self._pod(name, rtype, path)
        return Answer() if labels == ["dns"] else _nothing()

    def reverse(self, address: str, name: str) -> Answer | None:
        """PTR for an address; None when it is not ours."""
        key = self._records.service_at(address)
        if key is not None:
            return Answer(records=[Record(name, "PTR", self._service_name(key))])
        found = self._records.headless_at(address)
        if not found:
            return None
        return Answer(
            records=[Record(name, "PTR", f"{label}.{self._service_name(key)}") for key, label in found]
        )

    def _service_name(self, key: Key) -> str:
        return f"{key[1]}.{key[0]}.svc.{self.domain}"

    def _apex(self, name: str, rtype: str) -> Answer:
        if rtype == "NS":
            return Answer(records=[Record(name, "NS", f"ns.dns.{self.domain}")])
        if rtype == "SOA":
            return Answer(records=[Record(name, "SOA", "")])
        return Answer()

    def _name_server(self, name: str, rtype: str) -> Answer:
        service = self._records.services.get(("kube-system", "kube-dns"))
        if service is None:
            return _nothing()
        return _of_type(rtype, _addresses(name, service.addresses))

    def _pod(self, name: str, rtype: str, path: Sequence[str]) -> Answer:
        if not path:
            return Answer()
        namespace = path[-1]
        if namespace not in self._records.namespaces or len(path) > 2:
            return _nothing()
        if len(path) == 1:
            return Answer()
        text = path[0]
        v4 = text.count("-") == 3 and "--" not in text
        try:
            address = str(ip_address(text.replace("-", "." if v4 else ":")))
        except ValueError:
            return _nothing()
        return _of_type(rtype, _addresses(name, (address,)))

    def _service(self, name: str, rtype: str, path: Sequence[str]) -> Answer:
        if not path:
            return Answer()
        namespace = path[-1]
        if len(path) == 1:
            return Answer() if namespace in self._records.namespaces else _nothing()
        key = (namespace, path[-2])
        service = self._records.services.get(key)
        if service is None:
            return _nothing()
        rest = path[:-2]
        if service.external_name:
            return self._external(name, service) if not rest else _nothing()
        if len(rest) == 2 and rest[0].startswith("_") and rest[1].startswith("_"):
            return self._of_service(name, rtype, key, (rest[0][1:], rest[1][1:]))
        if len(rest) == 1 and not rest[0].startswith("_"):
            return self._of_endpoint(name, rtype, key, rest[0])
        return self._of_service(name, rtype, key, None) if not rest else _nothing()

    def _external(self, name: str, service: ServiceRecord) -> Answer:
        target = service.external_name.rstrip(".")
        return Answer(records=[Record(name, "CNAME", target)], elsewhere=target)

    def _of_service(self, name: str, rtype: str, key: Key, port: tuple[str, str] | None) -> Answer:
        service = self._records.services[key]
        if service.headless:
            endpoints = [e for e in self._records.endpoints(key) if _has_port(e.ports, port)]
            if not endpoints:
                return _nothing()
            if rtype == "SRV":
                return self._srv_of_endpoints(name, key, endpoints, port)
            return _of_type(rtype, _addresses(name, _unique(e.address for e in endpoints)))
        ports = _matching(service.ports, port)
        if not ports or not service.addresses:
            return _nothing()
        if rtype == "SRV":
            target = self._service_name(key)
            weight = max(1, 100 // len(ports))
            records = [Record(name, "SRV", (0, weight, p.number or 0, target)) for p in ports]
            return Answer(records=records, additional=_addresses(target, service.addresses))
        return _of_type(rtype, _addresses(name, service.addresses))

    def _of_endpoint(self, name: str, rtype: str, key: Key, label: str) -> Answer:
        endpoints = [e for e in self._records.endpoints(key) if e.label.lower() == label]
        if not endpoints:
            return _nothing()
        if rtype == "SRV":
            return self._srv_of_endpoints(name, key, endpoints, None)
        return _of_type(rtype, _addresses(name, _unique(e.address for e in endpoints)))

    def _srv_of_endpoints(
        self, name: str, key: Key, endpoints: Sequence[EndpointRecord], port: tuple[str, str] | None
    ) -> Answer:
        wanted = {(e.label, p.number) for e in endpoints for p in _matching(e.ports, port) if p.number}
        weight = max(1, 100 // max(1, len(wanted)))
        base = self._service_name(key)
        records = [
            Record(name, "SRV", (0, weight, number or 0, f"{label}.{base}"))
            for label, number in sorted(wanted, key=str)
        ]
        additional = [r for e in endpoints for r in _addresses(f"{e.label}.{base}", (e.address,))]
        return Answer(records=records, additional=_unique(additional))


def _unique(items: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(items))


def _matching(ports: Iterable[PortRecord], wanted: tuple[str, str] | None) -> list[PortRecord]:
    """Ports of that name and protocol; all when none is named."""
    if wanted is None:
        return list(ports)
    return [p for p in ports if (p.name.lower(), p.protocol) == wanted]


def _has_port(ports: Sequence[PortRecord], wanted: tuple[str, str] | None) -> bool:
    return wanted is None or bool(_matching(ports, wanted))


def _addresses(name: str, addresses: Iterable[str]) -> list[Record]:
    return [Record(name, "AAAA" if ":" in address else "A", address) for address in addresses]


def _of_type(rtype: str, records: Iterable[Record]) -> Answer:
    """Those of the asked type; NODATA when there is none."""
    return Answer(records=[record for record in records if record.type == rtype])
