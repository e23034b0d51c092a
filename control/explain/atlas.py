"""Names for what the kernel shows: addresses, namespaces and links as nodes, pods and Services."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from control.lab.plan import LabPlan
from control.verify.cluster import ClusterView, ServicePortView
from dataplane.model.address import IPAddress
from dataplane.netns.names import INTERNET, NamespaceName, place_of
from policy.world import PodFacts

_OURS = b"\x0a\x58"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Atlas:
    """The lab and its cluster at one moment. objects: by plural, as the API gave them."""

    plan: LabPlan
    view: ClusterView
    objects: Mapping[str, list[Json]]

    def pod_netns(self, pod: PodFacts) -> str:
        """The namespace of a pod with a network of its own."""
        return str(NamespaceName.of_pod(self.plan.name, pod.namespace, pod.name, pod.uid))

    def place(self, netns: str) -> str:
        """A namespace as people say it: a node's name, ``internet``, ``shop/web-1``."""
        pod = self.pod_in(netns)
        return pod.key if pod is not None else (place_of(netns) or netns)

    def pod_in(self, netns: str) -> PodFacts | None:
        """The pod whose network a namespace is."""
        if (place_of(netns) or "").startswith("pod-"):
            return next((pod for pod in self._own_networks() if self.pod_netns(pod) == netns), None)
        return None

    def link(self, netns: str, interface: str) -> str:
        """A link with who is at its other end, where that is a pod."""
        if interface.startswith("veth"):
            for pod in self._own_networks():
                if interface == f"veth{hashlib.sha256(pod.uid.encode()).hexdigest()[:8]}":
                    return f"{interface} ({pod.key})"
        return interface

    def _own_networks(self) -> Iterable[PodFacts]:
        return (pod for pod in self.view.world.pods.values() if not pod.host_network)

    def who(self, address: IPAddress) -> str:
        """Whose address it is: a pod, a Service, a node, the internet; "" for nobody's."""
        pod = self.view.world.owner(address)
        if pod is not None:
            return pod.key
        for port in self.view.services:
            if port.address == address:
                return f"Service {port.service}"
        for node in self.plan.fabric.nodes:
            if address in node.addresses or address in [gateway.ip for gateway in node.gateways]:
                return f"node {node.name}"
            if any(address == cidr[0] for cidr in node.pod_cidrs):
                return f"node {node.name}, its overlay address"
        internet = self.plan.fabric.internet
        if address in internet.addresses or any(
            address in r for r in internet.ranges if r.version == address.version
        ):
            return INTERNET
        return ""

    def who_has_mac(self, mac: str) -> str:
        """`` (node node-1)`` for a MAC that podwire gave: 0a:58 and the owner's IPv4 address; else nothing."""
        packed = bytes.fromhex(mac.replace(":", ""))
        who = self.who(IPv4Address(packed[2:])) if packed[:2] == _OURS else ""
        return f" ({who})" if who else ""

    def service_port(self, address: IPAddress, port: int, protocol: int) -> ServicePortView | None:
        """The Service's port at a ClusterIP, or at a node's NodePort."""
        nodes = {address for node in self.plan.fabric.nodes for address in node.addresses}
        for view in self.view.services:
            if view.protocol != protocol:
                continue
            if (view.address, view.port) == (address, port):
                return view
            same_family = view.address.version == address.version
            if address in nodes and same_family and view.node_port and view.node_port == port:
                return view
        return None

    def in_service_range(self, address: IPAddress) -> bool:
        """An address that only a Service could have."""
        return any(address in cidr for cidr in self.plan.service_cidrs if cidr.version == address.version)

    def object(self, plural: str, namespace: str, name: str) -> Json | None:
        """One object as the API gave it."""
        for each in self.objects.get(plural, ()):
            meta = each["metadata"]
            if (meta.get("namespace") or "", meta["name"]) == (namespace, name):
                return each
        return None

    def watched(self, source: str, addresses: Iterable[IPAddress]) -> tuple[str, ...]:
        """The namespaces in which a packet to these addresses may be seen: all nodes, the fabric, the
        internet, and the pods at both ends.
        """
        fabric = self.plan.fabric
        names = [source, *(node.netns for node in fabric.nodes), fabric.netns, fabric.internet.netns]
        for address in addresses:
            pod = self.view.world.owner(address)
            if pod is not None and not pod.host_network:
                names.append(self.pod_netns(pod))
        return tuple(dict.fromkeys(names))
