"""The cluster at one moment, as far as reachability goes: read once from the API, then pure values."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from control.agents.translate.world import namespace_facts, node_facts, pod_facts
from control.client.client import ApiClient
from control.client.resources import (
    CONFIGMAPS,
    ENDPOINTSLICES,
    NAMESPACES,
    NETWORKPOLICIES,
    NODES,
    PODS,
    SERVICES,
)
from dataplane.model.address import IPAddress
from policy.errors import PolicyError
from policy.model import PROTOCOLS, Policy
from policy.parse.networkpolicy import parse_policy
from policy.world import PodFacts, World

Json = Mapping[str, Any]
_HASH = "pod-template-hash"
_SERVICE_NAME = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class ReadyPod:
    """A pod that is Ready and has a network of its own. workload: ``shop/web``, its Deployment or itself."""

    facts: PodFacts
    workload: str
    object: Json


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who stands behind a Service's port. pod: None for an address that no pod of the cluster owns."""

    address: IPAddress
    port: int
    pod: PodFacts | None
    node: str


@dataclass(frozen=True, slots=True)
class ServicePortView:
    """One port of one Service in one family, with its ready endpoints."""

    service: str
    port: int
    protocol: int
    address: IPAddress
    endpoints: tuple[Endpoint, ...]
    sticky: bool
    local_only: bool
    node_port: int
    outside_local_only: bool


@dataclass(frozen=True, slots=True)
class ClusterView:
    """Everything that verify looks at. configmaps: ``namespace/name`` to data."""

    world: World
    policies: tuple[Policy, ...]
    pods: tuple[ReadyPod, ...]
    services: tuple[ServicePortView, ...]
    service_names: frozenset[str]
    configmaps: Mapping[str, Mapping[str, str]]

    def pod_at(self, address: IPAddress) -> PodFacts | None:
        """The pod with that address."""
        return self.world.owner(address)


async def read_cluster(client: ApiClient) -> ClusterView:
    """Ask the API for all of it, side by side."""
    kinds = (PODS, NAMESPACES, NODES, NETWORKPOLICIES, SERVICES, ENDPOINTSLICES, CONFIGMAPS)
    lists = await asyncio.gather(*(client.list(kind) for kind in kinds))
    return cluster_of({kind.plural: list(found.items) for kind, found in zip(kinds, lists, strict=True)})


def cluster_of(objects: Mapping[str, Iterable[Json]]) -> ClusterView:
    """The view of objects by plural."""
    pods = [*objects.get("pods", ())]
    facts = [pod_facts(pod) for pod in pods]
    world = World(
        {pod.uid: pod for pod in facts},
        {meta["metadata"]["name"]: namespace_facts(meta) for meta in objects.get("namespaces", ())},
        {node["metadata"]["name"]: node_facts(node) for node in objects.get("nodes", ())},
    )
    ready = [
        ReadyPod(fact, workload_of(pod), pod)
        for fact, pod in zip(facts, pods, strict=True)
        if _is_ready(pod) and fact.ips and not fact.host_network
    ]
    services = [*objects.get("services", ())]
    slices = [*objects.get("endpointslices", ())]
    return ClusterView(
        world,
        tuple(_policies(objects.get("networkpolicies", ()))),
        tuple(sorted(ready, key=lambda pod: pod.facts.key)),
        tuple(view for service in services for view in _ports(service, slices, world)),
        frozenset(f"{s['metadata']['namespace']}/{s['metadata']['name']}" for s in services),
        {
            f"{c['metadata']['namespace']}/{c['metadata']['name']}": c.get("data") or {}
            for c in objects.get("configmaps", ())
        },
    )


def workload_of(pod: Json) -> str:
    """``namespace/name`` of what a person wrote: the Deployment behind a ReplicaSet, a controller, the pod."""
    meta = pod["metadata"]
    owner = next((ref for ref in meta.get("ownerReferences") or () if ref.get("controller")), None)
    if owner is None:
        return f"{meta['namespace']}/{meta['name']}"
    suffix = (meta.get("labels") or {}).get(_HASH)
    name = owner["name"]
    if owner["kind"] == "ReplicaSet" and suffix:
        name = name.removesuffix(f"-{suffix}")
    return f"{meta['namespace']}/{name}"


def _is_ready(pod: Json) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _policies(objects: Iterable[Json]) -> Iterable[Policy]:
    for obj in objects:
        try:
            yield parse_policy(obj)
        except PolicyError:
            continue  # in force nowhere either: the enforcers skip it and say so


def _ports(service: Json, slices: Iterable[Json], world: World) -> Iterable[ServicePortView]:
    meta, spec = service["metadata"], service.get("spec") or {}
    name = f"{meta['namespace']}/{meta['name']}"
    mine = [
        piece
        for piece in slices
        if piece["metadata"]["namespace"] == meta["namespace"]
        and (piece["metadata"].get("labels") or {}).get(_SERVICE_NAME) == meta["name"]
    ]
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    for text in addresses:
        if not text or text == "None" or spec.get("type") == "ExternalName":
            continue
        address = ip_address(text)
        for port in spec.get("ports") or ():
            yield ServicePortView(
                name,
                int(port["port"]),
                PROTOCOLS.get(port.get("protocol") or "TCP", 0),
                address,
                tuple(_endpoints(mine, address.version, port.get("name") or "", world)),
                spec.get("sessionAffinity") == "ClientIP",
                spec.get("internalTrafficPolicy") == "Local",
                int(port.get("nodePort") or 0),
                spec.get("externalTrafficPolicy") == "Local",
            )


def _endpoints(slices: Iterable[Json], version: int, name: str, world: World) -> Iterable[Endpoint]:
    for piece in slices:
        number = next(
            (p.get("port") for p in piece.get("ports") or () if (p.get("name") or "") == name), None
        )
        if number is None or piece.get("addressType") != f"IPv{version}":
            continue
        for endpoint in piece.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for text in endpoint.get("addresses") or ():
                address = ip_address(text)
                pod = world.owner(address)
                yield Endpoint(address, int(number), pod, endpoint.get("nodeName") or "")
