"""ICMP errors about packets made by hand: who tells, what they quote at each hop, and that the sender knows its own packet.

The rows of docs/how/sources.md. On the way back an error is translated twice: itself, and what it quotes.
"""

import pytest
from scapy.layers.inet import UDP

from control.testkit.expect import too_big, ttl_exceeded, udp

pytestmark = pytest.mark.root

SMALL_BYTES = 1300
BIG = b"big" * 450


@pytest.fixture
def narrow(lab, family):
    """Makes a pod's node let no packet of more than 1,300 bytes through to it, until the test ends."""
    made = []

    def narrow(pod) -> None:
        node, words = lab.node(pod.node), (f"-{int(family)}", "route")
        route = (str(pod.ip[family]), "dev", "cni0")
        node.run("ip", *words, "add", *route, "mtu", "lock", str(SMALL_BYTES))
        made.append((node, (*words, "delete", *route)))

    yield narrow
    for node, words in made:
        node.run("ip", *words)


def test_ttl_exceeded_at_the_first_node_names_the_service_that_was_asked(
    lab, family, overlay, sport, by_hand
):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port="80/UDP", target=8080)
    near, a, d, s = lab.node("node-2"), ann.ip[family], door.ip[family], shop.ip[family]

    with lab.watch(ann, near.port(ann), near.cni0, near.eth0) as wire:
        ann.send(by_hand(a, d, ttl=1) / UDP(sport=sport, dport=80) / b"short-lived")
        lab.until(lambda: wire.errors_about(b"short-lived"))

    asked = udp(a, d, sport=sport, dport=80, ttl=1)
    assert wire.hops(b"short-lived") == [
        (ann.eth0, asked),
        (near.port(ann), asked),
        (near.cni0, udp(a, s, sport=sport, dport=8080, ttl=1)),
    ]
    told = wire.errors_about(b"short-lived")
    assert told == [
        (near.cni0, ttl_exceeded(d, a, ttl=64, about=asked)),
        (near.port(ann), ttl_exceeded(d, a, ttl=64, about=asked)),
        (ann.eth0, ttl_exceeded(d, a, ttl=64, about=asked)),
    ]
    assert told.unsound == []


def test_ttl_exceeded_at_the_second_node_is_translated_back_by_the_first(
    lab, family, sport, by_hand, crossing, towards_pods
):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port="80/UDP", target=8080)
    near, far, a, d, s = (
        lab.node("node-2"),
        lab.node("node-1"),
        ann.ip[family],
        door.ip[family],
        shop.ip[family],
    )
    f = towards_pods(far)

    with lab.watch(ann, near.cni0, near.eth0, far.eth0, far.cni0) as wire:
        ann.send(by_hand(a, d, ttl=2) / UDP(sport=sport, dport=80) / b"short-lived")
        lab.until(lambda: len(wire.errors_about(b"short-lived")) == 4)

    there = udp(a, s, sport=sport, dport=8080, ttl=1)
    assert wire.hops(b"short-lived") == [
        (ann.eth0, udp(a, d, sport=sport, dport=80, ttl=2)),
        (near.cni0, udp(a, s, sport=sport, dport=8080, ttl=2)),
        (near.eth0, crossing(near, far, there)),
        (far.eth0, crossing(near, far, there)),
    ]
    told, asked = wire.errors_about(b"short-lived"), udp(a, d, sport=sport, dport=80, ttl=1)
    assert told == [
        (far.eth0, crossing(far, near, ttl_exceeded(f, a, ttl=64, about=there))),
        (near.eth0, crossing(far, near, ttl_exceeded(f, a, ttl=64, about=there))),
        (near.cni0, ttl_exceeded(d, a, ttl=63, about=asked)),
        (ann.eth0, ttl_exceeded(d, a, ttl=63, about=asked)),
    ]
    assert told.unsound == []


def test_too_big_for_a_pod_of_another_node_is_told_with_the_size_that_fits(
    lab, family, sport, by_hand, crossing, towards_pods, narrow
):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-2")
    near, far, a, s = lab.node("node-2"), lab.node("node-1"), ann.ip[family], shop.ip[family]
    f = towards_pods(far)
    narrow(shop)

    with lab.watch(ann, near.cni0, near.eth0, far.eth0, far.cni0, shop) as wire:
        ann.send(by_hand(a, s) / UDP(sport=sport, dport=8080) / BIG)
        lab.until(lambda: len(wire.errors_about(BIG)) == 4)

    def tells(ttl: int):
        about = udp(a, s, sport=sport, dport=8080, ttl=63)
        return too_big(f, a, mtu=SMALL_BYTES, ttl=ttl, about=about)

    told = wire.errors_about(BIG)
    assert told == [
        (far.eth0, crossing(far, near, tells(64))),
        (near.eth0, crossing(far, near, tells(64))),
        (near.cni0, tells(63)),
        (ann.eth0, tells(63)),
    ]
    assert told.unsound == []
    assert wire.at(shop.eth0).requests == []


def test_too_big_for_the_pod_behind_a_service_is_told_of_the_service(
    lab, family, sport, by_hand, crossing, towards_pods, narrow
):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port="80/UDP", target=8080)
    near, far, a, d, s = (
        lab.node("node-2"),
        lab.node("node-1"),
        ann.ip[family],
        door.ip[family],
        shop.ip[family],
    )
    f = towards_pods(far)
    narrow(shop)

    with lab.watch(ann, near.cni0, near.eth0, far.eth0, far.cni0, shop) as wire:
        ann.send(by_hand(a, d) / UDP(sport=sport, dport=80) / BIG)
        lab.until(lambda: len(wire.errors_about(BIG)) == 4)

    there = too_big(f, a, mtu=SMALL_BYTES, ttl=64, about=udp(a, s, sport=sport, dport=8080, ttl=63))
    back = too_big(d, a, mtu=SMALL_BYTES, ttl=63, about=udp(a, d, sport=sport, dport=80, ttl=63))
    told = wire.errors_about(BIG)
    assert told == [
        (far.eth0, crossing(far, near, there)),
        (near.eth0, crossing(far, near, there)),
        (near.cni0, back),
        (ann.eth0, back),
    ]
    assert told.unsound == []
    assert wire.at(shop.eth0).requests == []


def test_too_big_through_a_node_port_is_told_to_the_internet_of_the_node(
    lab, family, sport, world, by_hand, crossing, towards_pods, narrow
):
    """Two translations to undo: the pod behind the NodePort, and the client behind the node."""
    shop = lab.pod("shop", node="node-1")
    door = lab.service("door", to=shop, port="80/UDP", target=8080, spec={"type": "NodePort"})
    near, far, internet, w, s = lab.node("node-2"), lab.node("node-1"), lab.internet, world, shop.ip[family]
    n, knock, g, f = near.ip[family], door.node_port, towards_pods(near), towards_pods(far)
    narrow(shop)

    with lab.watch(internet, near.eth0, far.eth0, far.cni0, shop) as wire:
        internet.send(by_hand(w, n) / UDP(sport=sport, dport=knock) / BIG)
        lab.until(lambda: len(wire.errors_about(BIG)) == 4)

    there = too_big(f, g, mtu=SMALL_BYTES, ttl=64, about=udp(g, s, sport=sport, dport=8080, ttl=63))
    back = too_big(n, w, mtu=SMALL_BYTES, ttl=63, about=udp(w, n, sport=sport, dport=knock, ttl=63))
    told = wire.errors_about(BIG)
    assert told == [
        (far.eth0, crossing(far, near, there)),
        (near.eth0, crossing(far, near, there)),
        (near.eth0, back),
        (internet.eth0, back),
    ]
    assert told.unsound == []
    assert wire.at(shop.eth0).requests == []


def test_ttl_exceeded_on_the_way_to_the_internet_is_told_to_the_pod(
    lab, family, overlay, sport, world, by_hand, gateway
):
    shop, node, w = lab.pod("shop", node="node-1"), lab.node("node-1"), world
    s = shop.ip[family]

    with lab.watch(shop, node.cni0, node.eth0) as wire:
        shop.send(by_hand(s, w, ttl=1) / UDP(sport=sport, dport=4444) / b"short-lived")
        lab.until(lambda: wire.errors_about(b"short-lived"))

    told, asked = wire.errors_about(b"short-lived"), udp(s, w, sport=sport, dport=4444, ttl=1)
    assert told == [
        (node.cni0, ttl_exceeded(gateway(node), s, ttl=64, about=asked)),
        (shop.eth0, ttl_exceeded(gateway(node), s, ttl=64, about=asked)),
    ]
    assert told.unsound == []


def test_too_big_beyond_the_masquerade_is_told_to_the_pod_by_the_internet(
    lab, family, overlay, sport, world, by_hand
):
    """The internet's error quotes the node's address; the pod must read its own."""
    shop, node, internet, w = lab.pod("shop", node="node-1"), lab.node("node-1"), lab.internet, world
    n, s = node.ip[family], shop.ip[family]

    with lab.watch(shop, node.cni0, node.eth0, internet) as wire, internet.serve("4444/UDP", answer=None):
        with internet.sniff(udp(dport=4444)) as heard:
            shop.send(by_hand(s, w) / UDP(sport=sport, dport=4444) / b"one step too far")
            (seen,) = heard.wait()
        internet.send(error_of_a_narrow_link(by_hand, w, n, seen))
        lab.until(lambda: len(wire.errors_about(b"one step too far")) == 4)

    out = too_big(w, n, mtu=SMALL_BYTES, ttl=64, about=udp(n, w, sport=sport, dport=4444, ttl=63))
    into = too_big(w, s, mtu=SMALL_BYTES, ttl=63, about=udp(s, w, sport=sport, dport=4444, ttl=63))
    told = wire.errors_about(b"one step too far")
    assert told == [(internet.eth0, out), (node.eth0, out), (node.cni0, into), (shop.eth0, into)]
    assert told.unsound == []


def error_of_a_narrow_link(by_hand, router, sender, packet):
    """What a router of the internet would say of that packet, made by hand."""
    from scapy.layers.inet import ICMP
    from scapy.layers.inet6 import ICMPv6PacketTooBig

    quoted = by_hand(packet.source, packet.destination, packet.ttl)
    quoted = quoted / UDP(sport=packet.source_port, dport=packet.destination_port) / packet.payload
    if router.version == 4:
        return by_hand(router, sender) / ICMP(type=3, code=4, nexthopmtu=SMALL_BYTES) / bytes(quoted)
    return by_hand(router, sender) / ICMPv6PacketTooBig(mtu=SMALL_BYTES) / quoted
