"""Packets made by hand are what was asked for, as the reader of frames sees them."""

from ipaddress import ip_address

import pytest

from dataplane.model.address import IPAddress, MacAddress
from dataplane.observe import craft
from dataplane.observe.craft import Ends
from dataplane.observe.dissect import Packet, dissect

MAC, FAR = MacAddress.parse("0a:58:0a:f4:01:05"), MacAddress.parse("0a:58:0a:f4:01:01")
PAIRS: list[tuple[IPAddress, IPAddress]] = [
    (ip_address("10.244.1.5"), ip_address("10.244.2.9")),
    (ip_address("fd00:10:244:1::5"), ip_address("fd00:10:244:2::9")),
]


@pytest.fixture(params=PAIRS, ids=["v4", "v6"])
def ends(request) -> Ends:
    return Ends(*request.param, ttl=7)


def read(packet: bytes) -> Packet:
    found = dissect(craft.frame(packet, MAC, FAR))
    assert found is not None
    return found


def test_a_datagram_has_its_ends_ports_ttl_and_payload(ends):
    packet = read(craft.udp(ends, 1000, 53, b"question"))

    assert (packet.source, packet.destination, packet.ttl) == (ends.source, ends.destination, 7)
    assert (packet.protocol, packet.source_port, packet.destination_port) == ("udp", 1000, 53)
    assert packet.payload == b"question"


@pytest.mark.parametrize("flags", ["S", "SA", "R"])
def test_a_segment_has_its_flags(ends, flags):
    assert read(craft.tcp(ends, 1000, 80, flags)).flags == flags


def test_an_echo_request_has_its_identifier(ends):
    packet = read(craft.echo(ends, 77, payload=b"there?"))

    assert packet.icmp_type == {4: 8, 6: 128}[ends.source.version]
    assert packet.source_port == 77


def test_a_frame_in_the_overlay_is_found_inside(ends):
    inner = craft.frame(craft.udp(ends, 1000, 53, b"question"), MAC, FAR)
    packet = read(craft.vxlan(Ends(*PAIRS[0]), 1, inner))

    assert (packet.vni, packet.destination_port) == (1, 4789)
    assert packet.inner is not None
    assert (packet.inner.source, packet.inner.destination) == (ends.source, ends.destination)


def test_a_frame_says_which_family_it_carries(ends):
    frame = craft.frame(craft.udp(ends, 1, 2), MAC, FAR)

    assert frame[:12] == FAR.packed + MAC.packed
    assert frame[12:14] == {4: b"\x08\x00", 6: b"\x86\xdd"}[ends.source.version]
