"""The overlay as flannel lays it: one VXLAN device a node, nothing learned, everything written.

For each other node: a route to its pods by the address of its overlay device, that address's MAC as a
permanent neighbour, and behind which underlay address that MAC is. The outer packet is of the lab's primary
family and carries both.
"""

from dataplane.fabric.underlay import UPLINK
from dataplane.model.topology import FabricPlan, NodePlan, interface
from dataplane.model.wiring import ForwardingEntry, Link, LinkAddress, LinkKind, Neighbour, Route, Vxlan


def links(plan: FabricPlan, node: NodePlan) -> tuple[Link, ...]:
    """The overlay device."""
    tunnel = plan.tunnel
    outer = Vxlan(tunnel.vni, tunnel.port, node.addresses[0], UPLINK)
    return (Link(tunnel.device, LinkKind.VXLAN, tunnel.mtu, node.tunnel_mac, vxlan=outer),)


def addresses(plan: FabricPlan, node: NodePlan) -> tuple[LinkAddress, ...]:
    """The network addresses of the node's pod ranges: what a node shows to pods of other nodes."""
    return tuple(
        LinkAddress(plan.tunnel.device, interface(cidr[0], cidr.max_prefixlen)) for cidr in node.pod_cidrs
    )


def routes(plan: FabricPlan, node: NodePlan) -> tuple[Route, ...]:
    """To each other node's pods, by its overlay device."""
    return tuple(
        Route(cidr, plan.tunnel.device, via=cidr[0], onlink=True)
        for other in _others(plan, node)
        for cidr in other.pod_cidrs
    )


def neighbours(plan: FabricPlan, node: NodePlan) -> tuple[Neighbour, ...]:
    """The MACs of the other nodes' overlay devices."""
    return tuple(
        Neighbour(plan.tunnel.device, cidr[0], other.tunnel_mac)
        for other in _others(plan, node)
        for cidr in other.pod_cidrs
    )


def forwarding(plan: FabricPlan, node: NodePlan) -> tuple[ForwardingEntry, ...]:
    """Behind which node each of those MACs is."""
    return tuple(
        ForwardingEntry(plan.tunnel.device, other.tunnel_mac, other.addresses[0])
        for other in _others(plan, node)
    )


def _others(plan: FabricPlan, node: NodePlan) -> tuple[NodePlan, ...]:
    return tuple(other for other in plan.nodes if other.name != node.name)
