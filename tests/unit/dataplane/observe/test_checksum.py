"""Checksums of packets that scapy made, as they are, left to the card, and spoilt on purpose."""

from ipaddress import ip_address

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from dataplane.observe.checksum import Checksum, completed, of_header, of_segment, ones_sum
from dataplane.observe.dissect import dissect

V4, V6 = ("10.244.1.2", "10.244.2.2"), ("fd00:10:244:1::2", "fd00:10:244:2::2")
HEADERS = {4: IP(src=V4[0], dst=V4[1]), 6: IPv6(src=V6[0], dst=V6[1])}
FINISHED = [
    HEADERS[4] / UDP(sport=1, dport=2) / b"odd",
    HEADERS[6] / UDP(sport=1, dport=2) / b"even",
    HEADERS[4] / TCP(sport=1, dport=2) / (b"x" * 99),
    HEADERS[6] / TCP(sport=1, dport=2),
    HEADERS[4] / ICMP(id=7) / b"ping",
    HEADERS[6] / ICMPv6EchoRequest(id=7, data=b"ping"),
]
PROTOCOL = {TCP: 6, UDP: 17}


def seen(packet, *, unfinished: bool = False) -> Checksum:
    found = dissect(bytes(Ether() / packet), unfinished=unfinished)
    assert found is not None
    return found.checksum


def left_to_the_card(header, kind, payload=b"hello"):
    """A segment whose checksum is the pseudo-header's sum, as a socket leaves it."""
    addresses = [ip_address(end) for end in (header.src, header.dst)]
    length, number = len(kind(sport=1, dport=2) / payload), PROTOCOL[kind]
    pseudo = addresses[0].packed + addresses[1].packed + length.to_bytes(4, "big") + number.to_bytes(4, "big")
    return header / kind(sport=1, dport=2, chksum=ones_sum(pseudo)) / payload


@pytest.mark.parametrize("at", range(len(FINISHED)), ids=["udp4", "udp6", "tcp4", "tcp6", "icmp4", "icmp6"])
def test_what_scapy_wrote_is_right_and_a_changed_byte_is_wrong(at):
    packet = FINISHED[at]
    whole = bytes(packet)
    spoilt = (
        IP(whole[:-1] + bytes([whole[-1] ^ 1]))
        if packet.version == 4
        else IPv6(whole[:-1] + bytes([whole[-1] ^ 1]))
    )
    assert seen(packet) is Checksum.RIGHT
    assert seen(spoilt) is Checksum.WRONG


def test_an_ipv4_header_counts_too():
    packet = IP(src=V4[0], dst=V4[1], chksum=0x1234) / UDP(sport=1, dport=2)
    assert seen(packet) is Checksum.WRONG
    assert of_header(bytes(IP(src=V4[0], dst=V4[1]))) is Checksum.RIGHT


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", [TCP, UDP])
def test_one_that_is_left_to_the_card_is_partial_only_if_the_kernel_says_so(version, kind):
    packet = left_to_the_card(HEADERS[version], kind)
    assert seen(packet, unfinished=True) is Checksum.PARTIAL
    assert seen(packet) is Checksum.WRONG


@pytest.mark.parametrize("version", [4, 6])
def test_a_sum_for_other_addresses_is_wrong_even_if_it_is_left_to_the_card(version):
    """What a translation that forgot the checksum would leave."""
    packet = left_to_the_card(HEADERS[version], UDP)
    packet.dst = "10.244.2.3" if version == 4 else "fd00:10:244:2::3"
    assert seen(packet, unfinished=True) is Checksum.WRONG


def test_udp_may_do_without_over_ipv4_only():
    assert seen(HEADERS[4] / UDP(chksum=0) / b"x") is Checksum.ABSENT
    assert seen(HEADERS[6] / UDP(chksum=0) / b"x") is Checksum.WRONG


def test_a_fragment_can_not_be_told():
    assert seen(IP(src=V4[0], dst=V4[1], frag=10) / b"the rest of something") is Checksum.UNKNOWN


@pytest.mark.parametrize("version", [4, 6])
def test_the_outer_checksum_of_a_tunnel_counts_on_the_inner_ones_completion(version):
    inner = left_to_the_card(HEADERS[version], TCP)
    begin = {4: 20, 6: 40}[version]
    number, whole = 6, bytes(inner)
    complete = whole[:begin] + completed(number, whole[begin:])
    frame = bytes(Ether() / inner)[:14]
    outer = IP(src="10.0.1.10", dst="10.0.1.11")
    then = UDP(
        bytes(IP(bytes(outer / UDP(sport=1, dport=4789) / VXLAN(vni=1, flags=8) / (frame + complete))))[20:]
    )
    now = outer / UDP(sport=1, dport=4789, chksum=then.chksum) / VXLAN(vni=1, flags=8) / (frame + whole)

    assert seen(now, unfinished=True) is Checksum.PARTIAL
    assert seen(now) is Checksum.WRONG


def test_what_is_no_sum_is_unknown():
    ends = ip_address(V4[0]), ip_address(V4[1])
    assert of_segment(*ends, 132, bytes(12)) is Checksum.UNKNOWN
    assert of_segment(*ends, 17, bytes(3)) is Checksum.UNKNOWN
