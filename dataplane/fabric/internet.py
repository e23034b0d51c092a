"""The world outside: answers for whole ranges, knows the nodes' addresses and nothing of pods."""

from dataplane.fabric.underlay import UPLINK
from dataplane.model.topology import FabricPlan, interface
from dataplane.model.wiring import Link, LinkAddress, LinkKind, Neighbour, Route, Wiring

_LOOPBACK = "lo"


def wiring(plan: FabricPlan) -> Wiring:
    """The internet's namespace. Any address of its ranges is local there, so one socket serves them all.

    A packet to any other address is answered "network unreachable": there are no others.
    """
    internet = plan.internet
    return Wiring(
        netns=internet.netns,
        links=(Link(UPLINK, LinkKind.VETH, plan.underlay_mtu, internet.mac),),
        addresses=tuple(
            LinkAddress(UPLINK, interface(address, network.prefixlen))
            for address, network in zip(internet.addresses, plan.underlay, strict=True)
        ),
        routes=tuple(Route(network, _LOOPBACK, local=True) for network in internet.ranges),
        neighbours=tuple(
            Neighbour(UPLINK, address, node.mac) for node in plan.nodes for address in node.addresses
        ),
    )
