"""An expectation equals a packet in the fields that it names, and in no others."""

from ipaddress import ip_address

from control.testkit.expect import icmp, tcp, udp
from control.testkit.wire import Seen
from dataplane.observe.dissect import Packet

ANN, DOOR, SHOP = ip_address("10.244.1.2"), ip_address("10.96.0.20"), ip_address("10.244.2.2")


def segment(source, destination, sport, dport, flags="S", ttl=64) -> Packet:
    return Packet(source, destination, "tcp", ttl, 60, sport, dport, flags)


def test_only_named_fields_matter():
    packet = segment(ANN, DOOR, 40000, 80)
    assert packet == tcp(ANN, DOOR, dport=80)
    assert packet == tcp()
    assert packet != tcp(ANN, SHOP, dport=80)
    assert packet != tcp(ANN, DOOR, dport=81)
    assert packet != udp(ANN, DOOR, dport=80)
    assert packet != tcp(ANN, DOOR, ttl=63)


def test_lists_compare_in_both_orders():
    packet = segment(ANN, DOOR, 40000, 80)
    assert [packet] == [tcp("10.244.1.2")]
    assert [tcp("10.244.1.2")] == [packet]
    assert [packet] != []


def test_an_error_may_be_asked_for_by_the_packet_it_is_about():
    about = Packet(ANN, SHOP, "udp", 64, 100, 1, 53)
    error = Packet(SHOP, ANN, "icmp", 62, 128, icmp_type=3, icmp_code=3, inner=about)
    assert error == icmp(SHOP, ANN, type=3, about=udp(ANN, dport=53))
    assert error != icmp(SHOP, ANN, type=3, about=udp(ANN, dport=54))


def test_a_flow_is_one_request_and_one_reply_however_many_packets_it_has():
    seen = Seen(
        [
            segment(ANN, DOOR, 40000, 80, "S"),
            segment(DOOR, ANN, 80, 40000, "SA"),
            segment(ANN, DOOR, 40000, 80, "A"),
            segment(ANN, DOOR, 40000, 80, "PA"),
            segment(DOOR, ANN, 80, 40000, "PA"),
        ]
    )
    assert seen.requests == [tcp(ANN, DOOR, dport=80, flags="S")]
    assert seen.replies == [tcp(DOOR, ANN, sport=80, flags="SA")]


def test_a_reply_that_was_not_asked_for_here_is_still_a_reply():
    seen = Seen([segment(SHOP, ANN, 8080, 40000, "SA")])
    assert seen.requests == []
    assert seen.replies == [tcp(SHOP, ANN, sport=8080)]


def test_a_failed_comparison_shows_both_sides_as_a_person_reads_them():
    assert repr(segment(ANN, DOOR, 40000, 80)) == "tcp(10.244.1.2:40000 → 10.96.0.20:80, ttl=64, S)"
    assert repr(tcp(ANN, DOOR, dport=80, ttl=63)) == "tcp(10.244.1.2 → 10.96.0.20:80, ttl=63)"
