"""Data types: bytes in a register, and nft's text of them."""

from ipaddress import ip_address

import pytest

from dataplane.model.address import MacAddress
from dataplane.nft import datatype as t


@pytest.mark.parametrize(
    ("kind", "value", "packed", "text"),
    [
        (t.IPV4_ADDR, "10.0.0.1", b"\x0a\0\0\1", "10.0.0.1"),
        (t.IPV6_ADDR, ip_address("fd00::1"), ip_address("fd00::1").packed, "fd00::1"),
        (t.INET_SERVICE, 80, b"\0\x50", "80"),
        (t.INET_PROTO, "sctp", b"\x84", "sctp"),
        (t.INET_PROTO, 253, b"\xfd", "253"),
        (t.MARK, 17, b"\x11\0\0\0", "0x00000011"),
        (t.CLASSID, 0x10002, b"\2\0\1\0", "1:2"),
        (t.CLASSID, 0x10000, b"\0\0\1\0", "1:"),
        (t.CLASSID, 0, bytes(4), "none"),
        (t.IFNAME, "cni0", b"cni0".ljust(16, b"\0"), '"cni0"'),
        (
            t.ETHER_ADDR,
            MacAddress.parse("0a:58:0a:f4:01:05"),
            bytes.fromhex("0a580af40105"),
            "0a:58:0a:f4:01:05",
        ),
        (t.CT_STATE, 6, b"\6\0\0\0", "established,related"),
        (t.ICMPV6_TYPE, "nd-neighbor-advert", b"\x88", "nd-neighbor-advert"),
        (t.ETHER_TYPE, "ip6", b"\x86\xdd", "ip6"),
    ],
)
def test_a_value_is_packed_and_shown(kind, value, packed, text):
    assert kind.pack(value) == packed
    assert kind.text(packed) == text


def test_what_is_packed_already_stays_as_it_is():
    assert t.IPV4_ADDR.pack(b"\x0a\0\0\1") == b"\x0a\0\0\1"


def test_a_name_that_the_type_does_not_have_is_refused():
    with pytest.raises(ValueError, match="'tpc' is no value of inet_proto"):
        t.INET_PROTO.pack("tpc")
