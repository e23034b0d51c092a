"""Frames that scapy crafts are read back as values."""

from ipaddress import ip_address

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN

from dataplane.observe.dissect import dissect

ANN, SHOP = ip_address("10.244.1.2"), ip_address("10.244.2.2")
ANN6, SHOP6 = ip_address("fd00:10:244:1::2"), ip_address("fd00:10:244:2::2")


def frame(*layers):
    whole = Ether()
    for layer in layers:
        whole = whole / layer
    return bytes(whole)


def test_a_tcp_segment_in_both_families():
    four = dissect(frame(IP(src=str(ANN), dst=str(SHOP), ttl=62), TCP(sport=4000, dport=80, flags="S")))
    six = dissect(frame(IPv6(src=str(ANN6), dst=str(SHOP6), hlim=62), TCP(sport=4000, dport=80, flags="SA")))
    assert four is not None
    assert six is not None
    assert (four.source, four.destination, four.source_port, four.destination_port) == (ANN, SHOP, 4000, 80)
    assert (four.protocol, four.ttl, four.flags, four.length_bytes) == ("tcp", 62, "S", 40)
    assert (six.source, six.destination, six.flags, six.length_bytes) == (ANN6, SHOP6, "SA", 60)


def test_a_datagram_keeps_its_payload():
    seen = dissect(frame(IP(src=str(ANN), dst=str(SHOP)), UDP(sport=9, dport=53), b"hello"))
    assert seen is not None
    assert (seen.protocol, seen.payload) == ("udp", b"hello")


def test_vxlan_shows_the_outer_packet_with_the_inner_one_in_it():
    inner = Ether() / IP(src=str(ANN), dst=str(SHOP), ttl=63) / TCP(dport=8080)
    outer = dissect(
        frame(IP(src="10.0.1.10", dst="10.0.1.11"), UDP(dport=4789), VXLAN(vni=1, flags=8), inner)
    )
    assert outer is not None
    assert (str(outer.source), outer.vni) == ("10.0.1.10", 1)
    assert outer.inner is not None
    assert (outer.inner.source, outer.inner.destination_port, outer.inner.ttl) == (ANN, 8080, 63)


def test_an_icmp_error_is_about_a_packet():
    quoted = IPerror(src=str(ANN), dst=str(SHOP)) / TCPerror(sport=4000, dport=80)
    error = dissect(frame(IP(src="10.0.1.9", dst=str(ANN)), ICMP(type=3, code=4), quoted))
    assert error is not None
    assert error.is_error
    assert (error.icmp_type, error.icmp_code, str(error.source)) == (3, 4, "10.0.1.9")
    assert error.inner is not None
    assert (error.inner.destination, error.inner.destination_port) == (SHOP, 80)


def test_an_icmpv6_error_is_about_a_packet():
    quoted = IPv6(src=str(ANN6), dst=str(SHOP6)) / TCP(sport=4000, dport=80)
    error = dissect(frame(IPv6(src=str(SHOP6), dst=str(ANN6)), ICMPv6PacketTooBig(mtu=1400), bytes(quoted)))
    assert error is not None
    assert error.is_error
    assert error.inner is not None
    assert error.inner.destination == SHOP6


def test_an_echo_is_a_flow_by_its_identifier_and_no_error():
    four = dissect(frame(IP(src=str(ANN), dst=str(SHOP)), ICMP(type=8, id=7)))
    six = dissect(frame(IPv6(src=str(ANN6), dst=str(SHOP6)), ICMPv6EchoRequest(id=7)))
    assert four is not None
    assert six is not None
    assert (four.source_port, four.is_error, six.source_port, six.is_error) == (7, False, 7, False)


def test_what_a_link_does_by_itself_is_known_as_such():
    seen = dissect(frame(IPv6(src=str(ANN6), dst="ff02::1"), ICMPv6ND_NS(tgt=str(SHOP6))))
    assert seen is not None
    assert seen.is_housekeeping


def test_a_frame_without_ip_is_no_packet():
    assert dissect(frame(ARP(psrc=str(ANN), pdst=str(SHOP)))) is None


def test_a_fragment_is_told_from_a_whole_packet():
    piece = dissect(frame(IP(src=str(ANN), dst=str(SHOP), flags="MF"), UDP(), b"x" * 16))
    piece6 = dissect(frame(IPv6(src=str(ANN6), dst=str(SHOP6)), IPv6ExtHdrFragment(m=1, nh=17), UDP()))
    assert piece is not None
    assert piece6 is not None
    assert piece.fragment
    assert piece6.fragment
