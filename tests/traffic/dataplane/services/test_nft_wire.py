"""What each hop of a Service's traffic shows on the wire, with the nftables backend."""

import pytest

from control.testkit.expect import tcp, udp

pytestmark = pytest.mark.root


def test_the_reply_comes_from_the_service_not_from_the_pod_behind_it(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)

    with lab.watch(ann.eth0, shop.eth0) as wire:
        ann.get(door.url(family))

    assert wire.at(ann.eth0).requests == [tcp(ann.ip[family], door.ip[family], dport=80)]
    assert wire.at(shop.eth0).requests == [tcp(ann.ip[family], shop.ip[family], dport=8080)]
    assert wire.at(ann.eth0).replies == [tcp(door.ip[family], ann.ip[family], sport=80)]


def test_across_nodes_the_packet_travels_in_vxlan_between_the_nodes_addresses(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    near, far = lab.node("node-2"), lab.node("node-1")

    with lab.watch(near.eth0) as wire:
        ann.connect(shop.ip[family], 8080).close()

    seen = wire.at(near.eth0)
    outer = next(packet for packet in seen if packet.vni is not None and packet.source in near.ip.values())
    assert outer.destination in far.ip.values()
    assert outer == udp(dport=4789)
    requests = [
        packet for packet in seen.inside.requests if packet == tcp(dport=8080)
    ]  # DNS' own are there, too
    assert requests == [tcp(ann.ip[family], shop.ip[family], dport=8080, ttl=63)]


@pytest.mark.parametrize(("place", "ttl"), [("node-1", 64), ("node-2", 62)])
def test_a_pod_sees_ttl_64_from_its_own_node_and_62_from_another(lab, family, place, ttl):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node=place)

    with lab.watch(shop.eth0) as wire:
        ann.connect(shop.ip[family], 8080).close()

    assert wire.at(shop.eth0).requests == [tcp(ann.ip[family], shop.ip[family], dport=8080, ttl=ttl)]


def test_a_pod_that_calls_itself_through_its_service_sees_the_nodes_address(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    door = lab.service("door", to=shop, port=80, target=8080)

    with lab.watch(shop.eth0) as wire:
        shop.get(door.url(family))

    coming_in = [p for p in wire.at(shop.eth0) if p == tcp(dst=shop.ip[family], dport=8080)]
    assert coming_in, "nothing came back in"
    assert {p.source for p in coming_in}.isdisjoint({shop.ip[family], door.ip[family]})
