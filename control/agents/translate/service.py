"""Service and its EndpointSlices, as JSON → ServicePorts: the only place that knows both vocabularies."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from dataplane.model.address import Family, IPAddress
from dataplane.model.origin import Origin
from dataplane.model.service import Affinity, Backend, ServicePort, TrafficScope, Transport

Json = Mapping[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice: the Service that it belongs to."""
_FAMILIES = {"IPv4": Family.V4, "IPv6": Family.V6}


def service_key(obj: Json) -> str:
    """``namespace/name`` of a Service."""
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def service_of_slice(endpoint_slice: Json) -> str | None:
    """``namespace/name`` of the Service that a slice belongs to; None when it names none."""
    meta = endpoint_slice["metadata"]
    name = (meta.get("labels") or {}).get(SERVICE_NAME)
    return f"{meta['namespace']}/{name}" if name else None


def service_ports(service: Json | None, slices: Iterable[Json], node: str) -> tuple[ServicePort, ...]:
    """Every port of a Service in every family it has; () for none, headless ones and ExternalName.

    slices: the Service's own. node: whose backends count as local.
    """
    if service is None:
        return ()
    spec = service.get("spec") or {}
    addresses = cluster_ips(spec)
    if spec.get("type") == "ExternalName" or not addresses:
        return ()
    by_family: dict[Family, list[Json]] = {family: [] for family in Family}
    for each in slices:
        family = _FAMILIES.get(each.get("addressType", ""))
        if family is not None:
            by_family[family].append(each)
    return tuple(
        _port(service, index, address, by_family[Family.of(address)], node)
        for address in addresses
        for index in range(len(spec.get("ports") or ()))
    )


def cluster_ips(spec: Json) -> tuple[IPAddress, ...]:
    """The ClusterIPs of a spec; () for headless and for one that has none yet."""
    texts = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return tuple(ip_address(text) for text in texts if text and text != "None")


def _port(service: Json, index: int, address: IPAddress, slices: list[Json], node: str) -> ServicePort:
    meta, spec = service["metadata"], service["spec"]
    port = spec["ports"][index]
    name, transport = port.get("name") or "", Transport[port.get("protocol") or "TCP"]
    origin = Origin(
        "Service", meta["namespace"], meta["name"], meta.get("uid", ""), meta.get("resourceVersion", ""),
        f"spec.ports[{index}]",
    )  # fmt: skip
    return ServicePort(
        service=service_key(service),
        name=name,
        cluster_ip=address,
        transport=transport,
        port=port["port"],
        backends=_backends(slices, name, transport, node),
        node_port=_node_port(spec, port),
        affinity=_affinity(spec),
        internal=TrafficScope(spec.get("internalTrafficPolicy") or "Cluster"),
        external=TrafficScope(spec.get("externalTrafficPolicy") or "Cluster"),
        origin=origin,
    )


def _node_port(spec: Json, port: Json) -> int | None:
    if spec.get("type") not in {"NodePort", "LoadBalancer"}:
        return None
    return port.get("nodePort") or None


def _affinity(spec: Json) -> Affinity | None:
    if spec.get("sessionAffinity") != "ClientIP":
        return None
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return Affinity(config.get("timeoutSeconds") or Affinity().timeout_s)


def _backends(slices: list[Json], name: str, transport: Transport, node: str) -> tuple[Backend, ...]:
    """Endpoints that get packets, sorted; an address that stands in two slices counts once, as ready if it is."""
    found: dict[tuple[IPAddress, int], Backend] = {}
    for each in slices:
        for number in _numbers(each, name, transport):
            for backend in _endpoints(each, number, node):
                if Family.of(backend.address) is not _FAMILIES.get(each["addressType"]):
                    continue  # hand-written slices may say anything; the kernel's maps are one a family
                place = (backend.address, backend.port)
                if place not in found or found[place].draining:
                    found[place] = backend
    return tuple(sorted(found.values(), key=lambda backend: backend.host_port))


def _numbers(endpoint_slice: Json, name: str, transport: Transport) -> Iterator[int]:
    """Target ports of a Service's port: slices carry them as numbers, named ports resolved."""
    for port in endpoint_slice.get("ports") or ():
        same = (port.get("name") or "") == name and (port.get("protocol") or "TCP") == transport.name
        if same and port.get("port") is not None:
            yield port["port"]


def _endpoints(endpoint_slice: Json, port: int, node: str) -> Iterator[Backend]:
    """Ready endpoints, and those that terminate but serve (discovery/v1: a missing condition is true)."""
    for endpoint in endpoint_slice.get("endpoints") or ():
        conditions = endpoint.get("conditions") or {}
        ready = conditions.get("ready") is not False
        serving = conditions.get("serving", ready) is not False
        draining = not ready and serving and bool(conditions.get("terminating"))
        if ready or draining:
            # Of an endpoint's addresses only the first is used, as the API says since 1.28.
            for text in (endpoint.get("addresses") or ())[:1]:
                yield Backend(ip_address(text), port, endpoint.get("nodeName") == node, draining)
