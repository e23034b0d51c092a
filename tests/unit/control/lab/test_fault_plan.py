"""What a fault does to the kernel, by the places that it names."""

from pathlib import Path

import pytest

from control.errors import FaultInvalid
from control.lab.directory import LabDirectory
from control.lab.fault import Fault
from control.lab.fault_plan import Ground, acts_of
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.faults.act import Frozen, LinkDown, PortDrop, Shaped
from dataplane.host.cgroup import LabCgroup

FABRIC = "podwire-t-fabric"


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """A lab of two workers that does not run: nodes need no API."""
    plan = make_plan("t", LabSpec(nodes=default_nodes(2)), ipv6=True)
    return Ground(plan, LabDirectory("t", tmp_path), 0)


def test_a_cut_node_is_its_port_in_the_fabric_by_rules_and_link(ground):
    assert acts_of(Fault("cut", ("node-1",)), ground, "f1") == (
        PortDrop(FABRIC, "f1", (("node-1", ""), ("", "node-1"))),
        LinkDown(FABRIC, "node-1"),
    )


def test_the_internet_has_a_cable_like_a_node(ground):
    assert acts_of(Fault("cut", ("internet",)), ground, "f1")[-1] == LinkDown(FABRIC, "internet")


def test_two_nodes_are_a_pair_of_ports_both_ways(ground):
    assert acts_of(Fault("lose", ("node-1", "node/node-2"), percent=5), ground, "f3") == (
        PortDrop(FABRIC, "f3", (("node-1", "node-2"), ("node-2", "node-1")), 5),
    )


def test_a_slow_node_is_slow_at_both_ends_of_its_cable(ground):
    assert acts_of(Fault("throttle", ("node-2",), rate_bit=1000), ground, "f1") == (
        Shaped(FABRIC, "node-2", 1000),
        Shaped("podwire-t-node-2", "eth0", 1000),
    )


def test_a_paused_node_is_its_containers(ground):
    (act,) = acts_of(Fault("pause", ("node-1",)), ground, "f1")
    assert act == Frozen(str(LabCgroup("t").path / "nodes" / "node-1"))


def test_the_fabric_has_no_cable(ground):
    with pytest.raises(FaultInvalid, match="none of its own"):
        acts_of(Fault("cut", ("fabric",)), ground, "f1")
