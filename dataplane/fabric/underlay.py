"""The underlay: one bridge in a namespace of its own, one cable for each node and one for the internet."""

from dataplane.model.address import MacAddress
from dataplane.model.topology import FabricPlan
from dataplane.model.wiring import Link, LinkKind, Peer, Wiring

BRIDGE = "br0"
UPLINK = "eth0"  # the far end of every cable
_BRIDGE_MAC = MacAddress.parse("0a:5a:00:00:00:01")


def wiring(plan: FabricPlan) -> Wiring:
    """The fabric's namespace. It has no address: it is a switch, nobody can talk to it."""
    mtu = plan.underlay_mtu
    internet = plan.internet
    ends = [(internet.cable, Peer(internet.netns, UPLINK, internet.mac))]
    ends += [(node.cable, Peer(node.netns, UPLINK, node.mac)) for node in plan.nodes]
    cables = tuple(
        Link(name, LinkKind.VETH, mtu, master=BRIDGE, peer=peer, alias=f"cable to {peer.netns}")
        for name, peer in ends
    )
    return Wiring(plan.netns, (Link(BRIDGE, LinkKind.BRIDGE, mtu, _BRIDGE_MAC), *cables))
