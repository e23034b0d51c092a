"""A node's own links: ``eth0`` on the fabric, ``cni0`` for its pods, the way to the others and out."""

from dataplane.fabric import direct, vxlan
from dataplane.fabric.underlay import UPLINK
from dataplane.model.topology import FabricPlan, NodePlan, Overlay, interface
from dataplane.model.wiring import EVERYWHERE, Link, LinkAddress, LinkKind, Neighbour, Route, Wiring

BRIDGE = "cni0"


def wiring(plan: FabricPlan, node: NodePlan) -> Wiring:
    """All of a node's namespace but its pods' links."""
    overlay = vxlan if plan.tunnel.mode is Overlay.VXLAN else direct
    return Wiring(
        netns=node.netns,
        links=(
            Link(UPLINK, LinkKind.VETH, plan.underlay_mtu, node.mac),
            Link(BRIDGE, LinkKind.BRIDGE, plan.tunnel.mtu, node.bridge_mac),
            *overlay.links(plan, node),
        ),
        addresses=(
            *(
                LinkAddress(UPLINK, interface(address, network.prefixlen))
                for address, network in zip(node.addresses, plan.underlay, strict=True)
            ),
            *(LinkAddress(BRIDGE, gateway) for gateway in node.gateways),
            *overlay.addresses(plan, node),
        ),
        routes=(
            *(Route(EVERYWHERE[address.version], UPLINK, via=address) for address in plan.internet.addresses),
            *overlay.routes(plan, node),
        ),
        neighbours=(*_underlay_neighbours(plan, node), *overlay.neighbours(plan, node)),
        forwarding=overlay.forwarding(plan, node),
    )


def _underlay_neighbours(plan: FabricPlan, node: NodePlan) -> tuple[Neighbour, ...]:
    """Everybody on the fabric: the other nodes and the internet."""
    others = [other for other in plan.nodes if other.name != node.name]
    known = [(address, other.mac) for other in others for address in other.addresses]
    known += [(address, plan.internet.mac) for address in plan.internet.addresses]
    return tuple(Neighbour(UPLINK, address, mac) for address, mac in known)
