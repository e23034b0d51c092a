"""A plan's values: MTUs, names and MACs that follow from addresses."""

from ipaddress import ip_address, ip_network

import pytest

from dataplane.errors import MtuTooSmall
from dataplane.model.address import Family
from dataplane.model.topology import NodePlan, Overlay, TunnelPlan, link_name, overlay_mtu, pod_link_name


def node(number: int, version: int) -> NodePlan:
    address = {4: f"10.0.1.{number}", 6: f"fd00:10:1::{number:x}"}[version]
    pods = {4: f"10.244.{number}.0/24", 6: f"fd00:10:244:{number:x}::/64"}[version]
    return NodePlan(f"node-{number}", "ns", (ip_address(address),), (ip_network(pods),))


@pytest.mark.parametrize(
    ("underlay", "outer", "inner"),
    [(1500, Family.V4, 1450), (1500, Family.V6, 1430), (9000, Family.V4, 8950), (1330, Family.V4, 1280)],
)
def test_pods_get_what_the_underlay_leaves_beside_the_overlays_headers(underlay, outer, inner):
    assert overlay_mtu(underlay, outer) == inner


@pytest.mark.parametrize("outer", Family)
def test_an_underlay_that_leaves_less_than_ipv6_needs_is_refused_with_the_least_that_does(outer):
    least = {Family.V4: 1330, Family.V6: 1350}[outer]

    with pytest.raises(MtuTooSmall) as refused:
        overlay_mtu(least - 1, outer)

    assert str(least) in refused.value.mend
    assert overlay_mtu(least, outer) == 1280


def test_without_an_overlay_pods_get_the_whole_underlay():
    assert TunnelPlan.over(Overlay.DIRECT, 1500, Family.V4).mtu == 1500


@pytest.mark.parametrize("name", ["node-1", "a-node-with-a-long-name", "a-node-with-a-long-name-too"])
def test_every_name_becomes_one_that_the_kernel_takes_for_a_link(name):
    assert len(link_name(name)) <= 15


def test_long_names_with_the_same_start_name_different_links():
    assert link_name("a-node-with-a-long-name") != link_name("a-node-with-a-long-name-too")


def test_a_pods_link_is_named_alike_each_time_and_unlike_anothers():
    assert pod_link_name("uid-1") == pod_link_name("uid-1") != pod_link_name("uid-2")
    assert len(pod_link_name("x" * 300)) <= 15


@pytest.mark.parametrize("version", [4, 6])
def test_no_two_devices_on_one_link_layer_share_a_mac(version):
    nodes = [node(number, version) for number in range(1, 200)]

    assert len({each.mac for each in nodes}) == len(nodes)
    assert len({each.tunnel_mac for each in nodes}) == len(nodes)
    assert {each.mac for each in nodes}.isdisjoint({each.tunnel_mac for each in nodes})


@pytest.mark.parametrize("version", [4, 6])
def test_the_gateway_is_the_first_address_of_the_pods_range(version):
    gateway = node(1, version).gateways[0]

    assert str(gateway) == {4: "10.244.1.1/24", 6: "fd00:10:244:1::1/64"}[version]
