"""Which source address and TTL the other end sees: one row of the table in docs/how/sources.md each."""

import pytest

from control.testkit.expect import tcp
from control.testkit.place import url_of
from dataplane.model.address import Family

pytestmark = pytest.mark.root


def gateway(lab, node: str, family: Family):
    """The address of a node's cni0: the first of its pod range."""
    (cidr,) = [c for c in lab.plan.fabric.node(node).pod_cidrs if c.version == family.value]
    return cidr[1]


def overlay(lab, node: str, family: Family):
    """The address of a node's VXLAN device: its pod range's own."""
    (cidr,) = [c for c in lab.plan.fabric.node(node).pod_cidrs if c.version == family.value]
    return cidr[0]


@pytest.fixture
def shop(lab):
    return lab.pod("shop", node="node-1", listens=8080)


def test_a_pod_of_the_same_node_shows_itself_with_ttl_64(lab, family, shop):
    ann = lab.pod("ann", node="node-1")
    with lab.watch(shop.eth0) as wire:
        ann.connect(shop.ip[family], 8080).close()
    assert wire.at(shop.eth0).requests == [tcp(ann.ip[family], shop.ip[family], dport=8080, ttl=64)]


def test_a_pod_of_another_node_shows_itself_with_ttl_62(lab, family, shop):
    ann = lab.pod("ann", node="node-2")
    with lab.watch(shop.eth0) as wire:
        ann.connect(shop.ip[family], 8080).close()
    assert wire.at(shop.eth0).requests == [tcp(ann.ip[family], shop.ip[family], dport=8080, ttl=62)]


def test_through_a_service_a_pod_still_shows_itself(lab, family, shop):
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)
    with lab.watch(shop.eth0) as wire:
        ann.get(door.url(family))
    assert wire.at(shop.eth0).requests == [tcp(ann.ip[family], shop.ip[family], dport=8080, ttl=62)]


def test_a_pod_that_calls_itself_shows_its_nodes_gateway(lab, family, shop):
    door = lab.service("door", to=shop, port=80, target=8080)
    with lab.watch(shop.eth0) as wire:
        shop.get(door.url(family))
    came_in = [packet for packet in wire.at(shop.eth0) if packet == tcp(dst=shop.ip[family], dport=8080)]
    assert {packet.source for packet in came_in} == {gateway(lab, "node-1", family)}


def test_the_pods_own_node_shows_its_gateway_address(lab, family, shop):
    with lab.watch(shop.eth0) as wire:
        lab.node("node-1").connect(shop.ip[family], 8080).close()
    assert wire.at(shop.eth0).requests == [tcp(gateway(lab, "node-1", family), dport=8080, ttl=64)]


def test_another_node_shows_its_overlay_address(lab, family, shop):
    with lab.watch(shop.eth0) as wire:
        lab.node("node-2").connect(shop.ip[family], 8080).close()
    assert wire.at(shop.eth0).requests == [tcp(overlay(lab, "node-2", family), dport=8080, ttl=63)]


def test_through_a_node_port_on_the_pods_node_the_internet_shows_the_nodes_gateway(lab, family, shop):
    door = lab.service("door", to=shop, port=80, target=8080, spec={"type": "NodePort"})
    node = lab.node("node-1")
    with lab.watch(shop.eth0) as wire:
        lab.internet.get(url_of(node.ip[family], door.node_port))
    assert wire.at(shop.eth0).requests == [tcp(gateway(lab, "node-1", family), dport=8080)]


def test_through_a_node_port_on_another_node_the_internet_shows_that_nodes_overlay_address(lab, family, shop):
    door = lab.service("door", to=shop, port=80, target=8080, spec={"type": "NodePort"})
    node = lab.node("node-2")
    with lab.watch(shop.eth0) as wire:
        lab.internet.get(url_of(node.ip[family], door.node_port))
    assert wire.at(shop.eth0).requests == [tcp(overlay(lab, "node-2", family), dport=8080)]


@pytest.mark.parametrize("outside", ["8.8.8.8", "203.0.113.7"])
def test_to_the_internet_a_pod_shows_its_node(lab, shop, outside):
    with lab.watch(lab.internet.eth0) as wire:
        shop.can_connect(outside, 80)
    assert wire.at(lab.internet.eth0).requests == [tcp(lab.node("node-1").ip[Family.V4], outside, dport=80)]


def test_to_another_node_a_pod_shows_itself(lab, family, shop):
    other = lab.node("node-2")
    with lab.watch(other.eth0) as wire:
        shop.can_connect(other.ip[family], 10250)
    requests = [packet for packet in wire.at(other.eth0).requests if packet == tcp(dport=10250)]
    assert requests == [tcp(shop.ip[family], other.ip[family], dport=10250, ttl=63)]
