"""A first build and a repair of everything come to the same in the kernel."""

import itertools
import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.errors import KernelError
from dataplane.fabric.build import wirings
from dataplane.model.topology import FabricPlan
from dataplane.netlink import converge, fresh
from dataplane.netns import create
from dataplane.netns.names import place_of
from dataplane.netns.sweep import sweep
from dataplane.netns.sysctl import Place

pytestmark = pytest.mark.root

_numbers = itertools.count(1)


@pytest.fixture
def empty_lab() -> Iterator:
    """Plans whose namespaces are there, with nothing in them."""
    labs: list[str] = []

    def make(overlay: str) -> FabricPlan:
        lab = f"tw{os.getpid() % 100_000}x{next(_numbers)}"
        labs.append(lab)
        plan = make_plan(lab, LabSpec(nodes=default_nodes(2), overlay=overlay), ipv6=True).fabric
        create.create(plan.netns, Place.FABRIC)
        create.create(plan.internet.netns, Place.INTERNET)
        for node in plan.nodes:
            create.create(node.netns, Place.NODE)
        return plan

    yield make
    for lab in labs:
        sweep(lab)


def shown(plan: FabricPlan) -> dict[str, list[str]]:
    """All that ip and bridge show of each place; indexes, peers' names, random MACs and timers left out."""
    found = {}
    for wiring in wirings(plan):
        lines: list[str] = []
        for words in ("-d -o link", "-o addr", "route show table all", "-6 route show table all", "neigh"):
            text = subprocess.check_output(["ip", "-n", wiring.netns, *words.split()], text=True)
            lines += text.splitlines()
        lines += subprocess.check_output(["bridge", "-n", wiring.netns, "fdb"], text=True).splitlines()
        volatile = re.compile(
            rf"^\d+: |@if\d+|podwire-{plan.lab}|[a-z_]*timer +[\d.]+|state \w+|LOWER_UP|"
            r"(?<![\da-f:])(?!0a:5)[\da-f]{2}(:[\da-f]{2}){5}|fe80::\S+|(33:33|01:00):\S+|(port_id|port_no|designated_port) \S+"
        )
        found[str(place_of(wiring.netns))] = sorted(
            line for each in lines if "fe80" not in each and "33:33:" not in (line := volatile.sub("", each))
        )
    return found


@pytest.mark.parametrize("overlay", ["vxlan", "direct"])
def test_wired_fresh_and_converged_a_lab_is_the_same(empty_lab, overlay):
    one, other = empty_lab(overlay), empty_lab(overlay)

    for wiring in wirings(one):
        fresh.make(wiring)
    for wiring in wirings(other):
        converge.apply(wiring)

    assert shown(one) == shown(other)
    assert [converge.apply(wiring) for wiring in wirings(one)] == [0] * 5


def test_where_something_is_there_already_the_fresh_way_stops_and_converging_goes_on(empty_lab):
    plan = empty_lab("vxlan")
    underlay, *others = wirings(plan)
    fresh.make(underlay)

    with pytest.raises(KernelError, match=r"make link br0.*EEXIST"):
        fresh.make(underlay)

    assert converge.apply(underlay) == 0
    for wiring in others:
        converge.apply(wiring)
    assert [converge.apply(wiring) for wiring in others] == [0] * 4
