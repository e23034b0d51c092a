"""A spec to what must exist: nodes with addresses and ranges, wires, roles. Pure; `--dry-run` prints it."""

from dataclasses import asdict, dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from control.agents.context import NodeContext
from control.lab.directory import LabDirectory
from control.lab.spec import FIRST_NODE, LabSpec, node_prefix
from dataplane.model.address import Family, IPAddress, IPNetwork
from dataplane.model.topology import FabricPlan, InternetPlan, NodePlan, Overlay, TunnelPlan
from dataplane.netns.names import FABRIC, INTERNET, NamespaceName

API_PORT = 6443
INTERNET_RANGES: tuple[IPNetwork, ...] = (
    IPv4Network("8.8.8.8/32"),
    IPv4Network("203.0.113.0/24"),
    IPv6Network("2001:4860:4860::8888/128"),
    IPv6Network("2001:db8::/32"),
)


@dataclass(frozen=True, slots=True)
class LabPlan:
    """Everything of a lab that follows from its spec and name.

    service_cidrs, pod_cidrs: one network a family, the primary first.
    """

    name: str
    spec: LabSpec
    fabric: FabricPlan
    pod_cidrs: tuple[IPNetwork, ...]
    service_cidrs: tuple[IPNetwork, ...]

    @property
    def control(self) -> NodePlan:
        """The control-plane node."""
        name = next(node.name for node in self.spec.nodes if node.control)
        return self.fabric.node(name)

    @property
    def families(self) -> tuple[Family, ...]:
        """Families the lab speaks, the primary first."""
        return self.fabric.families

    @property
    def api_service_ip(self) -> IPAddress:
        """ClusterIP of default/kubernetes: the first of the range."""
        return self.service_cidrs[0][1]

    @property
    def dns_ip(self) -> IPAddress:
        """ClusterIP of kube-system/kube-dns: the tenth of the range."""
        return self.service_cidrs[0][10]

    @property
    def api_url(self) -> str:
        """The API as the nodes see it."""
        address = self.control.addresses[0]
        return f"https://{f'[{address}]' if address.version == 6 else address}:{API_PORT}"

    def as_json(self) -> dict[str, Any]:
        """For `--dry-run -o json` and for tests."""
        spec = asdict(self.spec)
        return {
            "lab": self.name,
            "overlay": self.spec.overlay,
            "families": [f"IPv{family.value}" for family in self.families],
            "podMtu": self.fabric.tunnel.mtu,
            "services": [str(cidr) for cidr in self.service_cidrs],
            "api": self.api_url,
            "dns": str(self.dns_ip),
            "nodes": [
                {
                    "name": node.name,
                    "role": "control" if node is self.control else "worker",
                    "namespace": node.netns,
                    "addresses": [str(address) for address in node.addresses],
                    "pods": [str(cidr) for cidr in node.pod_cidrs],
                }
                for node in self.fabric.nodes
            ],
            "internet": [str(network) for network in self.fabric.internet.ranges],
            "periods": spec["periods"],
        }


def make_plan(name: str, spec: LabSpec, *, ipv6: bool) -> LabPlan:
    """Lay out a lab. ipv6: what the kernel can; a spec that says dualStack false has the last word."""
    dual = ipv6 if spec.dual_stack is None else spec.dual_stack
    versions = (4, 6) if dual else (4,)
    underlay = tuple(n for n in spec.node_cidrs if n.version in versions)
    pods = tuple(n for n in spec.pod_cidrs if n.version in versions)
    services = tuple(n for n in spec.service_cidrs if n.version in versions)
    nodes = tuple(
        NodePlan(
            name=node.name,
            netns=str(NamespaceName(name, node.name)),
            addresses=tuple(network[FIRST_NODE + node.number] for network in underlay),
            pod_cidrs=tuple(nth_subnet(network, node.number, spec.pods_per_node) for network in pods),
        )
        for node in spec.nodes
    )
    internet = InternetPlan(
        netns=str(NamespaceName(name, INTERNET)),
        addresses=tuple(network[1] for network in underlay),
        ranges=tuple(network for network in INTERNET_RANGES if network.version in versions),
    )
    tunnel = TunnelPlan.over(Overlay(spec.overlay), spec.mtu_bytes, Family.of(underlay[0]))
    fabric = FabricPlan(
        lab=name,
        netns=str(NamespaceName(name, FABRIC)),
        underlay=underlay,
        tunnel=tunnel,
        internet=internet,
        nodes=nodes,
        underlay_mtu=spec.mtu_bytes,
    )
    return LabPlan(name, spec, fabric, pods, services)


def nth_subnet(network: IPNetwork, index: int, pods_per_node: int) -> IPNetwork:
    """The range of the node of that number: 10.244.1.0/24 of 10.244.0.0/16 for 1."""
    prefix = node_prefix(pods_per_node, network.version)
    base = int(network.network_address) + (index << (network.max_prefixlen - prefix))
    address = ip_address(base) if network.version == 4 else ip_address(base.to_bytes(16, "big"))
    return IPv4Network((address, prefix)) if network.version == 4 else IPv6Network((address, prefix))


def node_context(plan: LabPlan, node: NodePlan, directory: LabDirectory, cgroup: Path) -> NodeContext:
    """What the agents of a node are given. cgroup: the node's own directory."""
    spec = next(entry for entry in plan.spec.nodes if entry.name == node.name)
    state, pki = directory.node(node.name), directory.pki
    return NodeContext(
        lab=plan.name,
        name=node.name,
        netns=node.netns,
        addresses=node.addresses,
        pod_cidrs=node.pod_cidrs,
        cluster_cidrs=plan.pod_cidrs,
        service_cidrs=plan.service_cidrs,
        dns_ip=plan.dns_ip,
        cluster_domain=plan.spec.cluster_domain,
        api_url=plan.api_url,
        directory=state,
        memory=directory.memory / node.name,
        pod_logs=state / "log" / "pods",
        client_cert=pki / f"kubelet-{node.name}.crt",
        client_key=pki / f"kubelet-{node.name}.key",
        serving_cert=pki / f"kubelet-{node.name}-serving.crt",
        serving_key=pki / f"kubelet-{node.name}-serving.key",
        ca=pki / "ca.crt",
        zygote_socket=directory.zygote_socket,
        cgroup=cgroup,
        home=directory.root.parent,
        max_pods=plan.spec.pods_per_node,
        pod_mtu=plan.fabric.tunnel.mtu,
        labels=spec.labels,
        taints=spec.taints,
        node_cidrs=plan.fabric.underlay,
        cni=plan.spec.cni,
    )
