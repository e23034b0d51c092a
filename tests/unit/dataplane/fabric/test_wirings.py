"""A plan comes to the right wiring of each namespace: pure, no kernel."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.fabric.build import wirings
from dataplane.model.topology import FabricPlan
from dataplane.model.wiring import LinkKind, Wiring


def plan(overlay: str = "vxlan", workers: int = 2, *, dual: bool = True, mtu: int = 1500) -> FabricPlan:
    spec = LabSpec(nodes=default_nodes(workers), overlay=overlay, dual_stack=dual, mtu_bytes=mtu)
    return make_plan("t", spec, ipv6=True).fabric


def at(plan: FabricPlan, place: str) -> Wiring:
    return next(wiring for wiring in wirings(plan) if wiring.netns == f"podwire-t-{place}")


def test_the_fabric_comes_first_because_its_cables_bring_the_others_their_links():
    assert [wiring.netns for wiring in wirings(plan())] == [
        f"podwire-t-{place}" for place in ("fabric", "internet", "cp", "node-1", "node-2")
    ]


def test_a_cable_goes_to_each_node_and_one_to_the_internet():
    cables = {
        link.name: link.peer.netns
        for link in at(plan(), "fabric").links
        if link.kind is LinkKind.VETH and link.peer
    }

    assert cables == {place: f"podwire-t-{place}" for place in ("internet", "cp", "node-1", "node-2")}


@pytest.mark.parametrize("overlay", ["vxlan", "direct"])
def test_a_node_has_a_way_to_the_pods_of_every_other_node_and_to_the_world(overlay):
    routes = {str(route.destination): route for route in at(plan(overlay), "node-1").routes}

    assert set(routes) == {
        "0.0.0.0/0", "::/0", "10.244.0.0/24", "fd00:10:244::/64", "10.244.2.0/24", "fd00:10:244:2::/64"
    }  # fmt: skip
    assert routes["0.0.0.0/0"].via == ip_address("10.0.1.1")
    assert routes["::/0"].via == ip_address("fd00:10:1::1")


def test_over_vxlan_the_way_is_the_other_overlay_device_known_by_mac_and_node():
    node = at(plan(), "node-1")
    route = next(route for route in node.routes if route.destination == ip_network("10.244.2.0/24"))
    neighbour = next(each for each in node.neighbours if each.address == route.via)
    entry = next(each for each in node.forwarding if each.mac == neighbour.mac)

    assert (route.link, route.via, route.onlink) == ("vxlan1", ip_address("10.244.2.0"), True)
    assert neighbour.link == entry.link == "vxlan1"
    assert entry.remote == ip_address("10.0.1.11")


def test_directly_the_way_is_the_other_nodes_address_of_the_same_family():
    routes = {str(route.destination): route for route in at(plan("direct"), "node-1").routes}

    assert routes["10.244.2.0/24"].via == ip_address("10.0.1.11")
    assert routes["fd00:10:244:2::/64"].via == ip_address("fd00:10:1::b")
    assert not any(link.kind is LinkKind.VXLAN for link in at(plan("direct"), "node-1").links)


@pytest.mark.parametrize(
    ("overlay", "underlay", "pods"),
    [("vxlan", 1500, 1450), ("direct", 1500, 1500), ("vxlan", 9000, 8950)],
)
def test_every_link_has_the_mtu_of_what_it_carries(overlay, underlay, pods):
    links = {link.name: link.mtu for link in at(plan(overlay, mtu=underlay), "node-1").links}

    assert links.pop("eth0") == underlay
    assert set(links.values()) == {pods}


def test_everybody_on_the_fabric_is_a_permanent_neighbour_in_both_families():
    known = {str(each.address) for each in at(plan(), "node-1").neighbours if each.link == "eth0"}

    assert known == {"10.0.1.1", "fd00:10:1::1", "10.0.1.9", "fd00:10:1::9", "10.0.1.11", "fd00:10:1::b"}


def test_the_internet_owns_its_ranges_and_knows_nodes_but_no_pods():
    internet = at(plan(), "internet")

    assert {str(route.destination) for route in internet.routes if route.local} == {
        "8.8.8.8/32", "203.0.113.0/24", "2001:4860:4860::8888/128", "2001:db8::/32"
    }  # fmt: skip
    assert not [route for route in internet.routes if not route.local]
    assert {str(each.address) for each in internet.neighbours if each.address.version == 4} == {
        "10.0.1.9", "10.0.1.10", "10.0.1.11"
    }  # fmt: skip


def test_a_lab_of_one_family_has_nothing_of_the_other():
    text = str(wirings(plan(dual=False)))

    assert "IPv6" not in text


def test_a_node_more_or_less_changes_every_nodes_wiring_and_coming_back_restores_it():
    three, node = plan(), plan().node("node-2")
    two = three.without_node("node-2")

    assert "10.244.2.0" not in str(at(two, "node-1"))
    assert wirings(two.with_node(node)) == wirings(three)


def test_two_nodes_with_long_names_alike_have_cables_of_their_own():
    three = plan()
    names = ("a-worker-in-frankfurt-1", "a-worker-in-frankfurt-2")
    nodes = tuple(replace(node, name=name) for node, name in zip(three.nodes, names, strict=False))

    assert len({node.cable for node in nodes}) == 2
