"""Datagrams made by hand over the cluster's edge: NodePorts, nodes and the internet, hop by hop, there and back.

The rows of docs/how/sources.md.
"""

import pytest

from control.testkit.expect import udp

pytestmark = pytest.mark.root

NODE_PORT = {"type": "NodePort"}


def test_a_node_port_of_the_pods_own_node(lab, family, overlay, sport, world, there_and_back, gateway):
    shop = lab.pod("shop", node="node-1")
    door = lab.service("door", to=shop, port="80/UDP", target=8080, spec=NODE_PORT)
    node, internet, w, s = lab.node("node-1"), lab.internet, world, shop.ip[family]
    n, knock, g = node.ip[family], door.node_port, gateway(node)

    with lab.watch(internet, node.eth0, node.cni0, shop) as wire:
        there_and_back((internet, w), (n, knock), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (internet.eth0, udp(w, n, sport=sport, dport=knock, ttl=64)),
        (node.eth0, udp(w, n, sport=sport, dport=knock, ttl=64)),
        (node.cni0, udp(g, s, sport=sport, dport=8080, ttl=63)),
        (shop.eth0, udp(g, s, sport=sport, dport=8080, ttl=63)),
    ]
    assert back == [
        (shop.eth0, udp(s, g, sport=8080, dport=sport, ttl=64)),
        (node.cni0, udp(s, w, sport=8080, dport=sport, ttl=64)),
        (node.eth0, udp(n, w, sport=knock, dport=sport, ttl=63)),
        (internet.eth0, udp(n, w, sport=knock, dport=sport, ttl=63)),
    ]
    assert there.unsound == back.unsound == []


def test_a_node_port_of_another_node_passes_its_cable_twice_and_comes_back_the_same_way(
    lab, family, sport, world, there_and_back, crossing, towards_pods
):
    shop = lab.pod("shop", node="node-1")
    door = lab.service("door", to=shop, port="80/UDP", target=8080, spec=NODE_PORT)
    near, far, internet, w, s = lab.node("node-2"), lab.node("node-1"), lab.internet, world, shop.ip[family]
    n, knock, g = near.ip[family], door.node_port, towards_pods(near)

    with lab.watch(internet, near.eth0, near.cni0, far.eth0, far.cni0, shop) as wire:
        there_and_back((internet, w), (n, knock), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (internet.eth0, udp(w, n, sport=sport, dport=knock, ttl=64)),
        (near.eth0, udp(w, n, sport=sport, dport=knock, ttl=64)),
        (near.eth0, crossing(near, far, udp(g, s, sport=sport, dport=8080, ttl=63))),
        (far.eth0, crossing(near, far, udp(g, s, sport=sport, dport=8080, ttl=63))),
        (far.cni0, udp(g, s, sport=sport, dport=8080, ttl=62)),
        (shop.eth0, udp(g, s, sport=sport, dport=8080, ttl=62)),
    ]
    assert back == [
        (shop.eth0, udp(s, g, sport=8080, dport=sport, ttl=64)),
        (far.cni0, udp(s, g, sport=8080, dport=sport, ttl=64)),
        (far.eth0, crossing(far, near, udp(s, g, sport=8080, dport=sport, ttl=63))),
        (near.eth0, crossing(far, near, udp(s, g, sport=8080, dport=sport, ttl=63))),
        (near.eth0, udp(n, w, sport=knock, dport=sport, ttl=62)),
        (internet.eth0, udp(n, w, sport=knock, dport=sport, ttl=62)),
    ]
    assert there.unsound == back.unsound == []


def test_a_node_port_with_the_local_policy_shows_the_client_itself(
    lab, family, overlay, sport, world, there_and_back
):
    shop = lab.pod("shop", node="node-1")
    spec = {**NODE_PORT, "externalTrafficPolicy": "Local"}
    door = lab.service("door", to=shop, port="80/UDP", target=8080, spec=spec)
    node, internet, w, s = lab.node("node-1"), lab.internet, world, shop.ip[family]
    n, knock = node.ip[family], door.node_port

    with lab.watch(internet, node.eth0, node.cni0, shop) as wire:
        there_and_back((internet, w), (n, knock), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (internet.eth0, udp(w, n, sport=sport, dport=knock, ttl=64)),
        (node.eth0, udp(w, n, sport=sport, dport=knock, ttl=64)),
        (node.cni0, udp(w, s, sport=sport, dport=8080, ttl=63)),
        (shop.eth0, udp(w, s, sport=sport, dport=8080, ttl=63)),
    ]
    assert back == [
        (shop.eth0, udp(s, w, sport=8080, dport=sport, ttl=64)),
        (node.cni0, udp(s, w, sport=8080, dport=sport, ttl=64)),
        (node.eth0, udp(n, w, sport=knock, dport=sport, ttl=63)),
        (internet.eth0, udp(n, w, sport=knock, dport=sport, ttl=63)),
    ]
    assert there.unsound == back.unsound == []


def test_a_node_reaches_its_own_pod_by_the_bridge(lab, family, overlay, sport, there_and_back, gateway):
    shop = lab.pod("shop", node="node-1")
    node, s = lab.node("node-1"), shop.ip[family]
    g = gateway(node)

    with lab.watch(node.cni0, node.port(shop), shop) as wire:
        there_and_back((node, g), (s, 8080), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (node.cni0, udp(g, s, sport=sport, dport=8080, ttl=64)),
        (node.port(shop), udp(g, s, sport=sport, dport=8080, ttl=64)),
        (shop.eth0, udp(g, s, sport=sport, dport=8080, ttl=64)),
    ]
    assert back == [
        (shop.eth0, udp(s, g, sport=8080, dport=sport, ttl=64)),
        (node.port(shop), udp(s, g, sport=8080, dport=sport, ttl=64)),
        (node.cni0, udp(s, g, sport=8080, dport=sport, ttl=64)),
    ]
    assert there.unsound == back.unsound == []


def test_a_node_reaches_a_pod_of_another_node_over_the_overlay(
    lab, family, sport, there_and_back, crossing, towards_pods
):
    shop = lab.pod("shop", node="node-1")
    near, far, s = lab.node("node-2"), lab.node("node-1"), shop.ip[family]
    n = towards_pods(near)

    with lab.watch(near.eth0, far.eth0, far.cni0, shop) as wire:
        there_and_back((near, n), (s, 8080), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (near.eth0, crossing(near, far, udp(n, s, sport=sport, dport=8080, ttl=64))),
        (far.eth0, crossing(near, far, udp(n, s, sport=sport, dport=8080, ttl=64))),
        (far.cni0, udp(n, s, sport=sport, dport=8080, ttl=63)),
        (shop.eth0, udp(n, s, sport=sport, dport=8080, ttl=63)),
    ]
    assert back == [
        (shop.eth0, udp(s, n, sport=8080, dport=sport, ttl=64)),
        (far.cni0, udp(s, n, sport=8080, dport=sport, ttl=64)),
        (far.eth0, crossing(far, near, udp(s, n, sport=8080, dport=sport, ttl=63))),
        (near.eth0, crossing(far, near, udp(s, n, sport=8080, dport=sport, ttl=63))),
    ]
    assert there.unsound == back.unsound == []


def test_a_pod_reaches_the_internet_under_its_nodes_address(
    lab, family, overlay, sport, world, there_and_back
):
    shop = lab.pod("shop", node="node-1")
    node, internet, w, s = lab.node("node-1"), lab.internet, world, shop.ip[family]
    n = node.ip[family]

    with lab.watch(shop, node.cni0, node.eth0, internet) as wire:
        there_and_back((shop, s), (w, 4444), (internet, 4444))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (shop.eth0, udp(s, w, sport=sport, dport=4444, ttl=64)),
        (node.cni0, udp(s, w, sport=sport, dport=4444, ttl=64)),
        (node.eth0, udp(n, w, sport=sport, dport=4444, ttl=63)),
        (internet.eth0, udp(n, w, sport=sport, dport=4444, ttl=63)),
    ]
    assert back == [
        (internet.eth0, udp(w, n, sport=4444, dport=sport, ttl=64)),
        (node.eth0, udp(w, n, sport=4444, dport=sport, ttl=64)),
        (node.cni0, udp(w, s, sport=4444, dport=sport, ttl=63)),
        (shop.eth0, udp(w, s, sport=4444, dport=sport, ttl=63)),
    ]
    assert there.unsound == back.unsound == []
