"""What a place can do with packets: send them by hand, hear them, serve, and flood; two namespaces with a cable."""

import os
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from control.testkit.expect import icmp, udp
from control.testkit.place import Place
from control.testkit.tap import until_stamped
from control.testkit.wire import watching
from dataplane.model.address import Family
from dataplane.netns import create

pytestmark = pytest.mark.root

LEFT = {Family.V4: ip_address("192.0.2.1"), Family.V6: ip_address("2001:db8::1")}
RIGHT = {Family.V4: ip_address("192.0.2.2"), Family.V6: ip_address("2001:db8::2")}


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Place, Place]]:
    lab = f"t{os.getpid():x}p"
    left, right = (
        Place(side, f"podwire-{lab}-{side}", ips) for side, ips in (("left", LEFT), ("right", RIGHT))
    )
    try:
        for place in (left, right):
            create.create(place.netns)
        words = ["ip", "-n", left.netns, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0"]
        subprocess.run([*words, "netns", right.netns], check=True)
        for place in (left, right):
            for family, address in place.ip.items():
                size = ("24",) if family is Family.V4 else ("64", "nodad")
                place.run("ip", "addr", "add", f"{address}/{size[0]}", "dev", "eth0", *size[1:])
            place.run("ip", "link", "set", "eth0", "up")
        yield left, right
    finally:
        for place in (left, right):
            create.delete(place.netns)


@pytest.fixture(params=[Family.V4, Family.V6], ids=["v4", "v6"])
def family(request) -> Family:
    return request.param


def header(family: Family, source, destination, **more) -> IP | IPv6:
    kind = IP if family is Family.V4 else IPv6
    return kind(src=str(source), dst=str(destination), **more)


def test_a_packet_leaves_as_it_was_made_whatever_its_source(ends, family):
    left, right = ends
    liar = ip_address("198.51.100.9" if family is Family.V4 else "2001:db8:9::9")
    ttl = {"ttl": 7} if family is Family.V4 else {"hlim": 7}
    with right.sniff(udp(dport=9)) as heard:
        left.send(header(family, liar, right.ip[family], **ttl) / UDP(sport=1, dport=9) / b"by hand")
        packet = heard.first()
    assert packet == udp(liar, right.ip[family], sport=1, dport=9, ttl=7, payload=b"by hand")
    assert packet.checksum == "right"
    assert [bytes(each[UDP].payload) for each in heard.scapy] == [b"by hand"]


def test_what_is_no_packet_is_refused_before_anything_is_sent(ends):
    left, _ = ends
    with pytest.raises(ValueError, match="no whole IP packet; frames leave by send_frame"):
        left.send(b"\x0a\x58 a frame, perhaps, but no packet")


def test_a_packet_without_a_way_is_the_kernels_error(ends):
    left, _ = ends
    with pytest.raises(OSError, match="unreachable"):
        left.send(IP(src="192.0.2.1", dst="203.0.113.1") / UDP())


def test_hearing_begins_when_the_block_is_entered_and_says_what_it_missed(ends, family):
    left, right = ends
    left.tell(b"too early", right.ip[family], 5000)
    with (
        right.sniff(udp(dport=5000)) as heard,
        pytest.raises(AssertionError, match=r"right eth0 hears 1 of udp\(any → any:5000\)"),
    ):
        heard.first(within_s=0.1)


@pytest.mark.parametrize("port", [7000, "7000/UDP"])
def test_a_server_repeats_what_it_hears_and_keeps_it(ends, family, port):
    left, right = ends
    with right.serve(port) as server:
        if port == 7000:
            with left.connect(right.ip[family], 7000) as plug:
                plug.sendall(b"hello")
                assert plug.recv(100) == b"hello"
        else:
            assert left.ask(b"hello", right.ip[family], 7000) == b"hello"
        (heard,) = server.wait()
    assert (heard.data, heard.peer[0], heard.port) == (b"hello", left.ip[family], 7000)
    assert not left.can_connect(right.ip[family], 7000)


def test_a_server_may_say_nothing_and_answers_from_the_address_that_was_asked(ends, family):
    left, right = ends
    other = ip_address("192.0.2.77" if family is Family.V4 else "2001:db8::77")
    nodad = () if family is Family.V4 else ("nodad",)
    right.run("ip", "addr", "add", f"{other}/{24 if family is Family.V4 else 64}", "dev", "eth0", *nodad)
    with right.serve("7001/UDP", answer=lambda question: None if question == b"shh" else b"yes") as server:
        assert left.ask(b"are you", other, 7001) == b"yes"
        with pytest.raises(TimeoutError):
            left.ask(b"shh", other, 7001, timeout_s=0.1)
    assert [heard.at for heard in server.heard] == [other, other]


def test_a_port_that_is_taken_is_an_error(ends):
    _, right = ends
    with right.serve(7002), pytest.raises(OSError, match="in use"), right.serve(7002):
        pass


def test_a_flood_sends_its_count_in_turn_and_no_packet_more(ends, family):
    left, right = ends
    packets = [
        header(family, left.ip[family], right.ip[family]) / UDP(sport=1, dport=9000 + number) / b"flood"
        for number in range(3)
    ]
    with right.sniff(udp(payload=b"flood")) as heard:
        sent = left.flood(packets, count=1000)
        ports = [packet.destination_port for packet in heard.wait(1000, within_s=20)]
    assert sent.sent == 1000
    assert ports == [9000 + number % 3 for number in range(1000)]


@pytest.mark.parametrize(("count", "packets"), [(0, [IP(src="192.0.2.1", dst="192.0.2.2")]), (1, [])])
def test_a_flood_of_nothing_is_refused(ends, count, packets):
    with pytest.raises(ValueError, match="flood"):
        ends[0].flood(packets, count=count)


def test_a_flood_has_its_time(ends):
    packet = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(dport=9)
    with pytest.raises(TimeoutError, match=r"of 100000000 packets were sent within 0\.05 s"):
        ends[0].flood([packet], count=100_000_000, within_s=0.05)


def test_hops_are_in_the_order_of_time_from_the_first_packet_on(ends, family):
    """The kernel begins to stamp some time after it was asked; a watch waits for that."""
    left, right = ends
    until_stamped()
    for number in range(20):
        text = b"%d" % number
        with right.serve("9/UDP", answer=None), watching(right.eth0, left.eth0) as wire:
            left.send(header(family, left.ip[family], right.ip[family]) / UDP(sport=1, dport=9) / text)
        assert wire.hops(text) == [(left.eth0, udp(dport=9)), (right.eth0, udp(dport=9))]


def test_a_refusal_quotes_what_was_refused(ends):
    left, right = ends
    with watching(left.eth0) as wire:
        left.send(IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1, dport=9) / b"anybody?")
    assert wire.errors_about(b"anybody?") == [
        (left.eth0, icmp(right.ip[4], type=3, code=3, about=udp(dport=9)))
    ]
