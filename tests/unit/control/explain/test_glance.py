"""A frame in one line."""

from ipaddress import ip_address

from control.explain.glance import Namer, glance
from dataplane.model.address import MacAddress
from dataplane.observe import craft

MAC = MacAddress.parse("02:00:00:00:00:01")
WEB, DB, SERVICE = ip_address("10.244.1.2"), ip_address("10.244.2.3"), ip_address("10.96.0.20")


def _frame(packet: bytes) -> bytes:
    return craft.frame(packet, MAC, MAC)


def test_names_stand_for_addresses(atlas):
    seen = glance(_frame(craft.tcp(craft.Ends(WEB, SERVICE), 4000, 80)))
    assert seen is not None
    assert Namer(atlas).line(seen) == "shop/web:4000 → Service shop/db:80 tcp S, ttl 64"


def test_a_tunnel_is_looked_into(atlas):
    inner = _frame(craft.tcp(craft.Ends(WEB, DB, ttl=63), 4000, 8080, "SA"))
    nodes = craft.Ends(ip_address("10.0.1.10"), ip_address("10.0.1.11"))
    seen = glance(_frame(craft.vxlan(nodes, 1, inner)))
    assert seen is not None
    said = Namer(atlas).line(seen)
    assert said == "shop/web:4000 → shop/db:8080 tcp SA, ttl 63 in VXLAN node node-1 → node node-2"


def test_an_echo_has_its_type_and_no_ports(atlas):
    seen = glance(_frame(craft.echo(craft.Ends(WEB, ip_address("192.0.2.9")), 7)))
    assert seen is not None
    assert Namer(atlas).line(seen) == "shop/web → 192.0.2.9 icmp type 8/0, ttl 64"


def test_what_is_not_ip_or_cut_short_is_nothing():
    assert glance(b"\0" * 12 + b"\x08\x06" + b"\0" * 28) is None
    assert glance(b"\0" * 12 + b"\x08\x00" + b"\x45") is None
    assert glance(b"") is None


def test_a_comment_needs_a_name_at_one_end(atlas):
    namer = Namer(atlas)
    assert namer.comment(_frame(craft.tcp(craft.Ends(WEB, DB), 1, 2))) == "shop/web → shop/db"
    strangers = craft.Ends(ip_address("192.0.2.1"), ip_address("192.0.2.2"))
    assert namer.comment(_frame(craft.tcp(strangers, 1, 2))) == ""
