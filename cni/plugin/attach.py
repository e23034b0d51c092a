"""Configuration and addresses to a pod's port and its result: pure."""

from cni.ipam.ledger import Held
from cni.spec.config import NodeNetwork
from cni.spec.result import CniResult
from dataplane.model.address import MacAddress
from dataplane.model.topology import PodPort, interface, pod_link_name


def port(network: NodeNetwork, held: Held) -> PodPort:
    """The link that the holder should have."""
    return PodPort(
        container_id=held.container_id,
        node_netns=network.netns,
        netns=held.netns,
        host_interface=pod_link_name(held.container_id),
        addresses=tuple(
            interface(address, cidr.prefixlen)
            for address, cidr in zip(held.addresses, network.pod_cidrs, strict=True)
        ),
        gateways=network.gateways,
        mac=MacAddress.for_address(held.addresses[0]),
        gateway_mac=MacAddress.for_address(network.gateways[0]),
        mtu=network.mtu,
        label=held.label,
        interface=held.interface,
        bridge=network.bridge,
        isolated=bool(network.isolated),
    )


def result(link: PodPort) -> CniResult:
    """What the runtime is told of it."""
    return CniResult(
        container_id=link.container_id,
        netns=link.netns,
        interface=link.interface,
        host_interface=link.host_interface,
        mac=link.mac,
        addresses=link.addresses,
        gateways=link.gateways,
        mtu=link.mtu,
        label=link.label,
    )
