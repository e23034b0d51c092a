"""No overlay: pods' packets go as they are, by routes to the nodes' own addresses. The same shape as vxlan."""

from dataplane.fabric.underlay import UPLINK
from dataplane.model.topology import FabricPlan, NodePlan
from dataplane.model.wiring import ForwardingEntry, Link, LinkAddress, Neighbour, Route


def links(plan: FabricPlan, node: NodePlan) -> tuple[Link, ...]:
    """None."""
    del plan, node
    return ()


def addresses(plan: FabricPlan, node: NodePlan) -> tuple[LinkAddress, ...]:
    """None: a node shows its own address to pods of other nodes."""
    del plan, node
    return ()


def routes(plan: FabricPlan, node: NodePlan) -> tuple[Route, ...]:
    """To each other node's pods, by that node's address of the same family."""
    return tuple(
        Route(cidr, UPLINK, via=address)
        for other in plan.nodes
        if other.name != node.name
        for cidr in other.pod_cidrs
        for address in other.addresses
        if address.version == cidr.version
    )


def neighbours(plan: FabricPlan, node: NodePlan) -> tuple[Neighbour, ...]:
    """None beyond the fabric's."""
    del plan, node
    return ()


def forwarding(plan: FabricPlan, node: NodePlan) -> tuple[ForwardingEntry, ...]:
    """None."""
    del plan, node
    return ()
