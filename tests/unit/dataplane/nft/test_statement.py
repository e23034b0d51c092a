"""Statements print themselves as nft lists them, and ask for the protocols that nft leaves out of its text."""

from ipaddress import IPv4Address, IPv4Network, ip_address

import pytest

from dataplane.model.address import Family, HostPort
from dataplane.nft import action as a
from dataplane.nft import field as f
from dataplane.nft import statement as s
from dataplane.nft.compiled import canonical
from dataplane.nft.expression import jhash, numgen
from dataplane.nft.ruleset import rule


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (s.Match(f.IP_SADDR, IPv4Address("10.0.0.1")), "ip saddr 10.0.0.1"),
        (s.Match(f.IP_SADDR, IPv4Network("10.0.0.0/8"), negate=True), "ip saddr != 10.0.0.0/8"),
        (s.Match(f.IP_SADDR, IPv4Network("10.0.0.1/32")), "ip saddr 10.0.0.1"),
        (s.Match(f.TH_DPORT, s.Between(80, 90)), "th dport 80-90"),
        (s.Match(f.CT_STATE, "invalid"), "ct state invalid"),
        (s.Match(f.CT_STATE, "related,established"), "ct state established,related"),
        (s.Match(f.CT_STATUS, "dnat", negate=True), "ct status ! dnat"),
        (s.Match(f.L4PROTO, 17), "meta l4proto udp"),
        (s.Match(f.IIFNAME, "cni0"), 'iifname "cni0"'),
        (s.Match(f.ICMPV6_TYPE, "nd-neighbor-solicit"), "icmpv6 type nd-neighbor-solicit"),
        (s.SetMeta(f.PRIORITY, 0), "meta priority set none"),
        (s.SetMeta(f.PRIORITY, 0x10001), "meta priority set 1:1"),
        (s.SetMetaFromMap(f.PRIORITY, (f.CT_REPLY_IP_SADDR,), "ident4"), "meta priority set ct reply ip saddr map @ident4"),
        (s.InSet((f.IP_SADDR, f.IP_DADDR), "hairpin"), "ip saddr . ip daddr @hairpin"),
        (s.InSet((f.IP_SADDR,), "x", negate=True), "ip saddr != @x"),
        (s.Vmap((f.IP_DADDR,), "m"), "ip daddr vmap @m"),
        (s.goto("there"), "goto there"),
        (s.jump("there"), "jump there"),
        (s.RETURN, "return"),
        (a.Reject(), "reject"),
        (a.Reject(a.Refusal.TCP_RESET), "reject with tcp reset"),
        (a.Log("seen ", 3), 'log prefix "seen " group 3'),
        (a.NatTo(a.NatKind.DESTINATION, HostPort(ip_address("fd00::1"), 80)), "dnat ip6 to [fd00::1]:80"),
        (a.NatToMap(a.NatKind.DESTINATION, Family.V4, (f.IP_DADDR, numgen(3)), "e"), "dnat ip to ip daddr . numgen random mod 3 map @e"),
        (s.Match(jhash(f.IP_SADDR, modulus=4, seed=7), 2), "jhash ip saddr mod 4 seed 0x7 2"),
    ],
)  # fmt: skip
def test_the_text_is_nfts(statement, text):
    assert statement.text == text


def names(packed: bytes) -> list[str]:
    return [name for name, _values in canonical(packed)]


def test_an_ip_field_in_an_inet_table_asks_for_ipv4_first():
    match = rule(s.Match(f.IP_SADDR, IPv4Address("10.0.0.1")))

    assert names(match.packed("inet")) == ["meta", "cmp", "payload", "cmp"]
    assert names(match.packed("ip")) == ["payload", "cmp"]


def test_a_protocol_is_asked_for_once_a_rule():
    both = rule(s.Match(f.IP_SADDR, IPv4Address("10.0.0.1")), s.Match(f.IP_DADDR, IPv4Address("10.0.0.2")))

    assert names(both.packed("inet")).count("meta") == 1


def test_icmpv6_asks_for_ipv6_and_then_for_icmpv6():
    packed = rule(s.Match(f.ICMPV6_TYPE, 135)).packed("inet")

    assert names(packed) == ["meta", "cmp", "meta", "cmp", "payload", "cmp"]


def test_a_concatenation_lies_in_registers_side_by_side():
    packed = rule(s.InSet((f.IP6_SADDR, f.L4PROTO, f.TH_DPORT), "x")).packed("ip6")

    registers = [dict(values).get(1) for name, values in canonical(packed) if name in {"payload", "meta"}]
    assert registers == [b"\0\0\0\1", b"\0\0\0\2", b"\0\0\0\x0d"]


def test_rules_that_differ_in_their_comments_only_are_equal():
    assert rule(s.ACCEPT, comment="a") == rule(s.ACCEPT, comment="b")
    assert rule(s.ACCEPT) != rule(s.DROP)


def test_an_unknown_symbol_is_refused():
    with pytest.raises(ValueError, match="no value of ct_state"):
        rule(s.Match(f.CT_STATE, "fresh")).packed("inet")
