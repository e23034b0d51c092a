"""Datagrams made by hand, pod to pod and by a ClusterIP: what each hop sees, there and back, and that each checksum is right.

The rows of docs/how/sources.md. ``cni0`` shows what is routed, already translated; a bridge's port shows it as the pod
sent it.
"""

import pytest

from control.testkit.expect import udp

pytestmark = pytest.mark.root


def test_pod_to_pod_on_a_node_goes_from_port_to_port_and_the_bridge_itself_sees_nothing(
    lab, family, overlay, sport, there_and_back
):
    shop, bob = lab.pod("shop", node="node-1"), lab.pod("bob", node="node-1")
    node, b, s = lab.node("node-1"), bob.ip[family], shop.ip[family]

    with lab.watch(bob, node.port(bob), node.cni0, node.eth0, node.port(shop), shop) as wire:
        there_and_back((bob, b), (s, 8080), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (bob.eth0, udp(b, s, sport=sport, dport=8080, ttl=64)),
        (node.port(bob), udp(b, s, sport=sport, dport=8080, ttl=64)),
        (node.port(shop), udp(b, s, sport=sport, dport=8080, ttl=64)),
        (shop.eth0, udp(b, s, sport=sport, dport=8080, ttl=64)),
    ]
    assert back == [
        (shop.eth0, udp(s, b, sport=8080, dport=sport, ttl=64)),
        (node.port(shop), udp(s, b, sport=8080, dport=sport, ttl=64)),
        (node.port(bob), udp(s, b, sport=8080, dport=sport, ttl=64)),
        (bob.eth0, udp(s, b, sport=8080, dport=sport, ttl=64)),
    ]
    assert there.unsound == back.unsound == []


def test_pod_to_pod_across_nodes_is_routed_twice(lab, family, sport, there_and_back, crossing):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-2")
    far, near, a, s = lab.node("node-1"), lab.node("node-2"), ann.ip[family], shop.ip[family]

    with lab.watch(ann, near.cni0, near.eth0, far.eth0, far.cni0, shop) as wire:
        there_and_back((ann, a), (s, 8080), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (ann.eth0, udp(a, s, sport=sport, dport=8080, ttl=64)),
        (near.cni0, udp(a, s, sport=sport, dport=8080, ttl=64)),
        (near.eth0, crossing(near, far, udp(a, s, sport=sport, dport=8080, ttl=63))),
        (far.eth0, crossing(near, far, udp(a, s, sport=sport, dport=8080, ttl=63))),
        (far.cni0, udp(a, s, sport=sport, dport=8080, ttl=62)),
        (shop.eth0, udp(a, s, sport=sport, dport=8080, ttl=62)),
    ]
    assert back == [
        (shop.eth0, udp(s, a, sport=8080, dport=sport, ttl=64)),
        (far.cni0, udp(s, a, sport=8080, dport=sport, ttl=64)),
        (far.eth0, crossing(far, near, udp(s, a, sport=8080, dport=sport, ttl=63))),
        (near.eth0, crossing(far, near, udp(s, a, sport=8080, dport=sport, ttl=63))),
        (near.cni0, udp(s, a, sport=8080, dport=sport, ttl=62)),
        (ann.eth0, udp(s, a, sport=8080, dport=sport, ttl=62)),
    ]
    assert there.unsound == back.unsound == []


def test_a_cluster_ip_on_a_node_is_translated_between_the_ports(lab, family, overlay, sport, there_and_back):
    shop, bob = lab.pod("shop", node="node-1"), lab.pod("bob", node="node-1")
    door = lab.service("door", to=shop, port="80/UDP", target=8080)
    node, b, d, s = lab.node("node-1"), bob.ip[family], door.ip[family], shop.ip[family]

    # The first packet ever to a neighbour passes cni0, until its MAC is cached (br_nf_pre_routing_finish_bridge).
    node.tell(b"good morning", s, 9)
    with lab.watch(bob, node.port(bob), node.cni0, node.eth0, node.port(shop), shop) as wire:
        there_and_back((bob, b), (d, 80), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (bob.eth0, udp(b, d, sport=sport, dport=80, ttl=64)),
        (node.port(bob), udp(b, d, sport=sport, dport=80, ttl=64)),
        (node.port(shop), udp(b, s, sport=sport, dport=8080, ttl=64)),
        (shop.eth0, udp(b, s, sport=sport, dport=8080, ttl=64)),
    ]
    assert back == [
        (shop.eth0, udp(s, b, sport=8080, dport=sport, ttl=64)),
        (node.port(shop), udp(s, b, sport=8080, dport=sport, ttl=64)),
        (node.port(bob), udp(d, b, sport=80, dport=sport, ttl=64)),
        (bob.eth0, udp(d, b, sport=80, dport=sport, ttl=64)),
    ]
    assert there.unsound == back.unsound == []


def test_a_cluster_ip_across_nodes_is_translated_by_the_clients_node_alone(
    lab, family, sport, there_and_back, crossing
):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port="80/UDP", target=8080)
    far, near = lab.node("node-1"), lab.node("node-2")
    a, d, s = ann.ip[family], door.ip[family], shop.ip[family]

    with lab.watch(ann, near.port(ann), near.cni0, near.eth0, far.eth0, far.cni0, shop) as wire:
        there_and_back((ann, a), (d, 80), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (ann.eth0, udp(a, d, sport=sport, dport=80, ttl=64)),
        (near.port(ann), udp(a, d, sport=sport, dport=80, ttl=64)),
        (near.cni0, udp(a, s, sport=sport, dport=8080, ttl=64)),
        (near.eth0, crossing(near, far, udp(a, s, sport=sport, dport=8080, ttl=63))),
        (far.eth0, crossing(near, far, udp(a, s, sport=sport, dport=8080, ttl=63))),
        (far.cni0, udp(a, s, sport=sport, dport=8080, ttl=62)),
        (shop.eth0, udp(a, s, sport=sport, dport=8080, ttl=62)),
    ]
    assert back == [
        (shop.eth0, udp(s, a, sport=8080, dport=sport, ttl=64)),
        (far.cni0, udp(s, a, sport=8080, dport=sport, ttl=64)),
        (far.eth0, crossing(far, near, udp(s, a, sport=8080, dport=sport, ttl=63))),
        (near.eth0, crossing(far, near, udp(s, a, sport=8080, dport=sport, ttl=63))),
        (near.cni0, udp(d, a, sport=80, dport=sport, ttl=62)),
        (near.port(ann), udp(d, a, sport=80, dport=sport, ttl=62)),
        (ann.eth0, udp(d, a, sport=80, dport=sport, ttl=62)),
    ]
    assert there.unsound == back.unsound == []


def test_a_hairpin_turns_at_the_pods_own_port_under_the_nodes_address(
    lab, family, overlay, sport, there_and_back, gateway
):
    shop = lab.pod("shop", node="node-1")
    door = lab.service("door", to=shop, port="80/UDP", target=8080)
    node, d, s = lab.node("node-1"), door.ip[family], shop.ip[family]
    port, n = node.port(shop), gateway(node)

    # The first packet ever to a neighbour passes cni0, until its MAC is cached (br_nf_pre_routing_finish_bridge).
    node.tell(b"good morning", s, 9)
    with lab.watch(shop, port, node.cni0, node.eth0) as wire:
        there_and_back((shop, s), (d, 80), (shop, 8080))

    there, back = wire.hops(b"there"), wire.hops(b"back")
    assert there == [
        (shop.eth0, udp(s, d, sport=sport, dport=80, ttl=64)),
        (port, udp(s, d, sport=sport, dport=80, ttl=64)),
        (port, udp(n, s, sport=sport, dport=8080, ttl=64)),
        (shop.eth0, udp(n, s, sport=sport, dport=8080, ttl=64)),
    ]
    assert back == [
        (shop.eth0, udp(s, n, sport=8080, dport=sport, ttl=64)),
        (port, udp(s, n, sport=8080, dport=sport, ttl=64)),
        (port, udp(d, s, sport=80, dport=sport, ttl=64)),
        (shop.eth0, udp(d, s, sport=80, dport=sport, ttl=64)),
    ]
    assert there.unsound == back.unsound == []
