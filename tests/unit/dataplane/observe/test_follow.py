"""Which frames and headers are the packet that was sent, and which way they go."""

from ipaddress import ip_address

import pytest

from dataplane.model.address import MacAddress
from dataplane.observe import craft
from dataplane.observe.follow import Follower, read_ends
from dataplane.observe.journey import Course
from dataplane.observe.marking import Mark
from dataplane.observe.taps import Frame

A, B = ip_address("10.244.1.2"), ip_address("10.244.2.3")
MAC = MacAddress.parse("02:00:00:00:00:01")
TCP, UDP, ICMP = Follower(Mark(6, 61_234)), Follower(Mark(17, 61_234)), Follower(Mark(1, 61_234))


def _frame(packet: bytes) -> Frame:
    return Frame(1, "node", "eth0", outgoing=False, strange=False, data=craft.frame(packet, MAC, MAC))


@pytest.mark.parametrize(
    ("follower", "packet", "course"),
    [
        (TCP, craft.tcp(craft.Ends(A, B), 61_234, 80), Course.REQUEST),
        (TCP, craft.tcp(craft.Ends(B, A), 80, 61_234, "SA"), Course.REPLY),
        (TCP, craft.tcp(craft.Ends(A, B), 61_234, 80, "R"), None),
        (TCP, craft.tcp(craft.Ends(A, B), 61_235, 80), None),
        (TCP, craft.udp(craft.Ends(A, B), 61_234, 80), None),
        (UDP, craft.udp(craft.Ends(A, B), 61_234, 53, b"x"), Course.REQUEST),
        (ICMP, craft.echo(craft.Ends(A, B), 61_234), Course.REQUEST),
        (ICMP, craft.echo(craft.Ends(A, B), 7), None),
    ],
)
def test_a_frame_is_ours_by_protocol_and_number(follower, packet, course):
    found = follower.sighting(_frame(packet))
    assert (found.course if found is not None else None) is course


def test_what_is_inside_vxlan_is_followed_with_its_outside_beside_it():
    inner = craft.frame(craft.tcp(craft.Ends(A, B), 61_234, 80), MAC, MAC)
    outer = craft.Ends(ip_address("10.0.1.10"), ip_address("10.0.1.11"))
    found = TCP.sighting(_frame(craft.vxlan(outer, 1, inner)))
    assert found is not None
    assert found.outer is not None
    assert (found.packet.destination, found.outer.destination) == (B, ip_address("10.0.1.11"))


def test_a_frame_without_the_number_is_not_even_read():
    assert not TCP.wanted(b"\0" * 60)
    assert TCP.wanted(b"\0" * 10 + (61_234).to_bytes(2, "big") + b"\0" * 10)


def test_ends_are_read_from_an_events_first_bytes():
    packet = craft.tcp(craft.Ends(A, B, ttl=9), 61_234, 80)
    ends = read_ends(packet[:20], packet[20:40])
    assert ends is not None
    assert (ends.source, ends.source_port, ends.destination, ends.destination_port) == (A, 61_234, B, 80)
    assert (ends.protocol, ends.ttl) == (6, 9)
    assert read_ends(b"", b"") is None


def test_a_tunnels_header_is_nobodys_until_its_addresses_are_known():
    outer = craft.udp(craft.Ends(ip_address("10.0.1.10"), ip_address("10.0.1.11")), 5, 4789)
    judged = TCP.judged(outer[:20], outer[20:40])
    assert judged is not None
    assert judged[0] is None


def test_the_senders_own_reset_is_not_the_packet_that_was_sent():
    reset = craft.tcp(craft.Ends(A, B), 61_234, 80, "R")
    assert TCP.judged(reset[:20], reset[20:40]) is None
