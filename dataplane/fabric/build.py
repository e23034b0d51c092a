"""A whole lab's wires: made, repaired, grown, removed."""

from dataplane.fabric import internet, node, underlay
from dataplane.model.topology import FabricPlan, NodePlan
from dataplane.model.wiring import Wiring
from dataplane.netlink import fresh
from dataplane.netns import create, sweep
from dataplane.netns.sysctl import Place


def build(plan: FabricPlan) -> int:
    """Make what is missing and mend what differs; nothing is touched that is as planned.

    Afterwards nodes reach each other and the internet, and packets of pods' ranges find their node.
    Namespaces: ``plan.netns``, ``plan.internet.netns`` and each node's. Returns the number of changes made, 0
    when all was there. Raises KernelError; a second call goes on where the first one stopped.
    """
    ipv6 = any(network.version == 6 for network in plan.underlay)
    places = [(plan.netns, Place.FABRIC), (plan.internet.netns, Place.INTERNET)]
    places += [(each.netns, Place.NODE) for each in plan.nodes]
    new = [name for name, place in places if create.ensure(name, place, ipv6=ipv6)]
    if len(new) == len(places):
        return len(new) + sum(fresh.make(wiring) for wiring in wirings(plan))
    from dataplane.netlink import converge  # pyroute2 takes 0.15 s to load: a first build does without

    return len(new) + sum(converge.apply(wiring) for wiring in wirings(plan))


def wirings(plan: FabricPlan) -> tuple[Wiring, ...]:
    """What each namespace should have, the fabric first: its cables bring the others' ``eth0``."""
    return (
        underlay.wiring(plan),
        internet.wiring(plan),
        *(node.wiring(plan, each) for each in plan.nodes),
    )


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
