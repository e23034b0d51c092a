"""A whole lab's wires: made, repaired, grown, removed."""

from dataplane.fabric import internet, node, underlay
from dataplane.model.topology import FabricPlan, NodePlan
from dataplane.model.wiring import LinkKind, Wiring
from dataplane.netlink import carrier, fresh
from dataplane.netlink.batch import BatchSocket
from dataplane.netns import create, sweep
from dataplane.netns.enter import inside
from dataplane.netns.sysctl import Place
from dataplane.patience import patient

_PATIENCE_S = 2.0


def build(plan: FabricPlan) -> int:
    """Make what is missing and mend what differs; nothing is touched that is as planned.

    Afterwards nodes reach each other and the internet, and packets of pods' ranges find their node.
    Namespaces: ``plan.netns``, ``plan.internet.netns`` and each node's. Returns the number of changes made, 0
    when all was there. Raises KernelError; a second call goes on where the first one stopped.
    """
    ipv6 = any(network.version == 6 for network in plan.underlay)
    places = [(plan.netns, Place.FABRIC), (plan.internet.netns, Place.INTERNET)]
    places += [(each.netns, Place.NODE) for each in plan.nodes]
    # The fabric is a switch: with IPv6 each of its ports would take an address, and speak.
    new = [
        name for name, place in places if create.ensure(name, place, ipv6=ipv6 and place is not Place.FABRIC)
    ]
    wanted = wirings(plan)
    if len(new) == len(places):
        changes = sum(fresh.make(wiring) for wiring in wanted)
    else:
        from dataplane.netlink import converge  # pyroute2 takes 0.15 s to load: a first build does without

        changes = sum(converge.apply(wiring) for wiring in wanted)
    if changes:
        for wiring in wanted:
            _wait(wiring)
    return len(new) + changes


def _wait(wiring: Wiring) -> None:
    """Until the cables carry. A bridge does with its first port: a node's with its first pod."""
    with inside(wiring.netns):
        socket = BatchSocket(wiring.netns)
    with socket:
        cables = [link.name for link in wiring.links if link.kind is not LinkKind.BRIDGE]
        bridges = {link.master for link in wiring.links if link.master}
        within_s = patient(_PATIENCE_S)
        carrier.wait(socket, (*cables, *bridges), within_s)  # what is cut from outside stays silent


def wirings(plan: FabricPlan) -> tuple[Wiring, ...]:
    """What each namespace should have, the fabric first: its cables bring the others' ``eth0``."""
    return (
        underlay.wiring(plan),
        internet.wiring(plan),
        *(node.wiring(plan, each) for each in plan.nodes),
    )


def mend_node(plan: FabricPlan, one: NodePlan) -> int:
    """Mend what differs inside one node; its cable and the other namespaces are left alone. Returns the changes."""
    from dataplane.netlink import converge  # as in build

    return converge.apply(node.wiring(plan, one))


def add_node(plan: FabricPlan, new: NodePlan) -> int:
    """Plug one more node into a lab that is up; ``plan`` may hold it already. Returns the changes made."""
    return build(plan.with_node(new))


def remove_node(plan: FabricPlan, old: NodePlan) -> int:
    """Take a node out, its pods' namespaces not included; ``plan`` may still hold it. Kill its processes first.

    Its cable goes with its namespace; the others forget the way to it. Returns the changes made.
    """
    gone = create.is_there(old.netns)
    create.delete(old.netns)
    return int(gone) + build(plan.without_node(old.name))


def destroy(lab: str) -> sweep.Swept:
    """Remove all of a lab's namespaces, pods' included. Kill the lab's processes first."""
    return sweep.sweep(lab)
