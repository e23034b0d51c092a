"""Pods, Namespaces and Nodes as JSON to what policies are judged against."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from dataplane.model.address import IPAddress, IPNetwork
from dataplane.model.origin import Origin
from policy.model import PROTOCOLS
from policy.world import NamedPort, NamespaceFacts, NodeFacts, PodFacts

Json = Mapping[str, Any]
_FINISHED = ("Succeeded", "Failed")


def pod_facts(pod: Json, addresses: Sequence[IPAddress] | None = None) -> PodFacts:
    """One pod. addresses: what its node gave it, before its status says so; by default what the status says."""
    meta, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    ips = _addresses(status) if addresses is None else tuple(addresses)
    return PodFacts(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        labels=meta.get("labels") or {},
        ips=ips,
        ports=_named_ports(spec),
        node=spec.get("nodeName") or "",
        finished=status.get("phase") in _FINISHED and addresses is None,
        host_network=bool(spec.get("hostNetwork")),
        origin=Origin("Pod", meta["namespace"], meta["name"], meta["uid"], meta.get("resourceVersion", "")),
    )


def namespace_facts(namespace: Json) -> NamespaceFacts:
    """One namespace; its name is always among its labels, as the API server sees to."""
    meta = namespace["metadata"]
    labels = {"kubernetes.io/metadata.name": meta["name"], **(meta.get("labels") or {})}
    return NamespaceFacts(meta["name"], labels)


def node_facts(node: Json) -> NodeFacts:
    """One node with every address that its own packets may show.

    Beside its own: the first two of its pod ranges, which are the overlay's device and ``cni0``.
    """
    addresses = [
        ip_address(entry["address"])
        for entry in (node.get("status") or {}).get("addresses") or ()
        if entry.get("type") in ("InternalIP", "ExternalIP")
    ]
    spec = node.get("spec") or {}
    ranges: list[IPNetwork] = [ip_network(text) for text in spec.get("podCIDRs") or () if text]
    for pod_cidr in ranges:
        addresses += [pod_cidr[0], pod_cidr[1]]
    return NodeFacts(node["metadata"]["name"], tuple(addresses))


def _addresses(status: Json) -> tuple[IPAddress, ...]:
    listed = [entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")]
    if not listed and status.get("podIP"):
        listed = [status["podIP"]]
    return tuple(ip_address(text) for text in listed)


def _named_ports(spec: Json) -> frozenset[NamedPort]:
    """Of all containers, and of init containers that go on running (restartPolicy Always)."""
    containers = [*(spec.get("containers") or ())]
    containers += [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return frozenset(
        NamedPort(port["name"], PROTOCOLS[port.get("protocol") or "TCP"], int(port["containerPort"]))
        for container in containers
        for port in container.get("ports") or ()
        if port.get("name") and (port.get("protocol") or "TCP") in PROTOCOLS
    )
