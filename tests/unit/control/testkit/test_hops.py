"""Hops against what was expected of them: equal in the fields that were named, and a diff where they are not."""

from ipaddress import ip_address

from control.testkit.expect import tcp, too_big, udp, vxlan
from control.testkit.hops import Hop, Hops, explain
from control.testkit.tap import Interface
from dataplane.observe.checksum import Checksum
from dataplane.observe.dissect import Packet

A, D, S = ip_address("10.244.2.2"), ip_address("10.96.0.20"), ip_address("10.244.1.2")
NEAR, FAR = ip_address("10.0.1.11"), ip_address("10.0.1.10")
ANN, CABLE, SHOP = (
    Interface("x", "eth0", "ann"),
    Interface("y", "eth0", "node-2"),
    Interface("z", "eth0", "shop"),
)


def datagram(source, destination, dport, ttl=64, **more) -> Packet:
    return Packet(source, destination, "udp", ttl, 33, 40000, dport, payload=b"there", **more)


def seen() -> Hops:
    inner = datagram(A, S, 8080, 63, checksum=Checksum.RIGHT)
    outer = Packet(NEAR, FAR, "udp", 64, 83, 50000, 4789, vni=1, inner=inner, checksum=Checksum.PARTIAL)
    return Hops(
        [
            Hop(ANN, datagram(A, D, 80, checksum=Checksum.RIGHT)),
            Hop(CABLE, outer),
            Hop(SHOP, datagram(A, S, 8080, 62, checksum=Checksum.WRONG)),
        ]
    )


def test_hops_equal_pairs_of_a_place_and_a_matcher_in_order():
    carried = vxlan(NEAR, FAR, vni=1, carries=udp(A, S, dport=8080, ttl=63))
    wish = [(ANN, udp(A, D, dport=80)), (CABLE, carried), (SHOP, udp(A, S, dport=8080, ttl=62))]
    assert seen() == wish
    assert seen() != wish[:2]
    assert seen() != [wish[1], wish[0], wish[2]]
    assert seen() != [(ANN, udp(A, D, dport=80)), (SHOP, carried), (SHOP, udp(A, S))]


def test_what_is_inside_counts_as_the_packet_itself():
    assert [hop.packet for hop in seen().unwrapped] == [udp(A, D), udp(A, S, ttl=63), udp(A, S, ttl=62)]
    assert seen().unsound == [(SHOP, udp(A, S))]
    assert seen().with_checksum("partial") == [(CABLE, vxlan(vni=1))]


def test_a_field_that_differs_is_named_at_its_place():
    wish = [(ANN, udp(A, D, dport=80)), (CABLE, vxlan(carries=udp(ttl=62))), (SHOP, udp(A, S))]
    assert explain(seen(), wish) == [
        "3 seen, 3 expected, 2 as expected",
        "  ann eth0     udp(10.244.2.2:40000 → 10.96.0.20:80, ttl=64)",
        "- node-2 eth0  udp(any → any:4789, inner=udp(any → any, ttl=62))",
        "+ node-2 eth0  udp(10.0.1.11:50000 → 10.0.1.10:4789, ttl=64, vni=1, checksum=partial, "
        "inner=udp(10.244.2.2:40000 → 10.244.1.2:8080, ttl=63))",
        "?              inside, ttl is 63, not 62",
        "  shop eth0    udp(10.244.2.2:40000 → 10.244.1.2:8080, ttl=62, checksum=wrong)",
    ]


def test_a_hop_too_many_and_one_that_is_missing_are_told_apart():
    wish = [(ANN, udp(A, D)), (SHOP, udp(A, S)), (SHOP, tcp(S, A))]
    lines = explain(wish, seen())
    assert lines is not None
    assert [line[0] for line in lines[1:]] == [" ", "+", " ", "-"]


def test_lists_of_packets_are_explained_too_and_other_things_are_not():
    packet = datagram(A, D, 80)
    assert explain([packet], [udp(A, D, dport=81)]) == [
        "1 seen, 1 expected, 0 as expected",
        "-   udp(10.244.2.2 → 10.96.0.20:81)",
        "+   udp(10.244.2.2:40000 → 10.96.0.20:80, ttl=64)",
        "?   destination port is 80, not 81",
    ]
    assert explain([1, 2], [1, 3]) is None
    assert explain([], []) is None
    assert explain("a", "b") is None


def test_an_error_of_either_family_is_asked_for_by_its_addresses():
    about = udp(A, S, dport=8080)
    error = Packet(
        D, A, "icmp", 63, 576, icmp_type=3, icmp_code=4, mtu_bytes=1300, inner=datagram(A, S, 8080)
    )
    assert error == too_big(D, A, mtu=1300, about=about)
    assert too_big(D, A, mtu=1200).differences(error) == ["mtu bytes is 1300, not 1200"]
    assert too_big("fd00::1", mtu=1300).fields["icmp_type"] == 2
