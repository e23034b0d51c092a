"""Packets that a kernel's sockets send, hop by hop: TCP through a Service, and what became of each checksum.

On veth no card completes a socket's checksum: it stays PARTIAL, the pseudo-header's sum, on every hop. That sum must
still follow each translation, or the packet would be wrong once a card did complete it. The rows of docs/how/sources.md.
"""

import pytest
from scapy.layers.inet import TCP

from control.testkit.expect import tcp

pytestmark = pytest.mark.root


def test_a_syn_made_by_hand_is_answered_by_the_service(lab, family, sport, by_hand, crossing):
    shop, ann = lab.pod("shop", node="node-1", listens=8080), lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)
    near, far, a, d, s = (
        lab.node("node-2"),
        lab.node("node-1"),
        ann.ip[family],
        door.ip[family],
        shop.ip[family],
    )

    with lab.watch(ann, near.cni0, near.eth0, far.eth0, far.cni0, shop) as wire:
        ann.send(by_hand(a, d) / TCP(sport=sport, dport=80, flags="S", seq=7))
        lab.until(lambda: len(wire.hops(tcp(flags="SA"))) == 6)

    asked, answered = wire.hops(tcp(flags="S")), wire.hops(tcp(flags="SA"))
    assert asked == [
        (ann.eth0, tcp(a, d, sport=sport, dport=80, ttl=64)),
        (near.cni0, tcp(a, s, sport=sport, dport=8080, ttl=64)),
        (near.eth0, crossing(near, far, tcp(a, s, sport=sport, dport=8080, ttl=63))),
        (far.eth0, crossing(near, far, tcp(a, s, sport=sport, dport=8080, ttl=63))),
        (far.cni0, tcp(a, s, sport=sport, dport=8080, ttl=62)),
        (shop.eth0, tcp(a, s, sport=sport, dport=8080, ttl=62)),
    ]
    assert answered == [
        (shop.eth0, tcp(s, a, sport=8080, dport=sport, ttl=64)),
        (far.cni0, tcp(s, a, sport=8080, dport=sport, ttl=64)),
        (far.eth0, crossing(far, near, tcp(s, a, sport=8080, dport=sport, ttl=63))),
        (near.eth0, crossing(far, near, tcp(s, a, sport=8080, dport=sport, ttl=63))),
        (near.cni0, tcp(d, a, sport=80, dport=sport, ttl=62)),
        (ann.eth0, tcp(d, a, sport=80, dport=sport, ttl=62)),
    ]
    assert asked.unsound == []
    assert answered.unwrapped.with_checksum("wrong", "absent") == []


def test_no_hop_of_a_connection_through_a_service_shows_a_wrong_checksum(lab, family, overlay):
    shop, ann = lab.pod("shop", node="node-1", listens=8080), lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)
    near, far = lab.node("node-2"), lab.node("node-1")

    with lab.watch(ann, near.cni0, near.eth0, far.eth0, far.cni0, shop) as wire:
        assert ann.get(door.url(family)).status == 200

    seen = wire.hops(tcp())
    assert len(seen) >= 6 * 7, "a handshake, a question, an answer and two ends, at six places"
    assert seen.with_checksum("wrong") == seen.unwrapped.with_checksum("wrong", "absent") == []


def test_the_overlays_own_checksum_is_never_wrong(lab, family, sport, there_and_back):
    shop, ann = lab.pod("shop", node="node-1"), lab.pod("ann", node="node-2")
    near, far = lab.node("node-2"), lab.node("node-1")

    with lab.watch(near.eth0, far.eth0) as wire:
        there_and_back((ann, ann.ip[family]), (shop.ip[family], 8080), (shop, 8080))

    for hops in (wire.hops(b"there"), wire.hops(b"back")):
        assert [str(hop.interface) for hop in hops] in (
            ["node-2 eth0", "node-1 eth0"],
            ["node-1 eth0", "node-2 eth0"],
        )
        assert {hop.packet.vni for hop in hops} == {1}
        assert hops.with_checksum("wrong", "unknown") == []
