"""What the real nft lists back is what our values print."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest

from dataplane.model.address import Family, HostPort
from dataplane.nft import datatype as t
from dataplane.nft import field as f
from dataplane.nft.action import (
    Counter,
    Limit,
    Log,
    Masquerade,
    NatKind,
    NatTo,
    NatToMap,
    Notrack,
    Refusal,
    Reject,
)
from dataplane.nft.diff import diff
from dataplane.nft.element import Key
from dataplane.nft.expression import jhash, numgen
from dataplane.nft.ruleset import Chain, Hook, RulesetState, Set, Table, rule
from dataplane.nft.statement import (
    ACCEPT,
    DROP,
    RETURN,
    Between,
    InSet,
    Match,
    SetMeta,
    SetMetaFromMap,
    Vmap,
    goto,
    jump,
)

pytestmark = pytest.mark.root

KEY4 = (f.IP_DADDR, f.L4PROTO, f.TH_DPORT)
KEY6 = (f.IP6_DADDR, f.L4PROTO, f.TH_DPORT)


def filled(each: Set, *elements: tuple) -> Set:
    """Elements as (values, to, comment)."""
    return each.with_elements(
        [each.element(*values, to=to, comment=comment) for values, to, comment in elements]
    )


def services() -> Table:
    """The layout of Services: numgen inside a map's key, a concatenation as a map's data."""
    v4 = Set("v4", Key.typeof(*KEY4, numgen(2)), data=Key.typeof(f.IP_DADDR, f.TH_DPORT))
    v6 = Set("v6", Key.typeof(*KEY6, numgen(2)), data=Key.typeof(f.IP6_DADDR, f.TH_DPORT))
    n4 = Set("n4", Key.typeof(*KEY4), verdicts=True)
    hairpin = Set("hairpin", Key.typeof(f.IP_SADDR, f.IP_DADDR))
    sets = (
        filled(
            v4,
            (("10.96.0.1", "tcp", 80, 0), ("10.244.1.11", 8080), "Service default/web"),
            (("10.96.0.1", "tcp", 80, 1), ("10.244.2.10", 8080), ""),
            (("10.96.0.1", "udp", 53, 0), ("10.244.2.11", 53), ""),
        ),
        filled(v6, (("fd00:10:96::1", "tcp", 80, 0), ("fd00:10:244:1::11", 8080), "")),
        filled(n4, (("10.96.0.1", "tcp", 80), goto("k2"), "x"), (("10.96.0.1", "udp", 53), goto("k1"), "")),
        filled(hairpin, (("10.244.1.11", "10.244.1.11"), (), "")),
    )
    to_endpoint, sticky = NatKind.DESTINATION, jhash(f.IP_SADDR, modulus=64, seed=7)
    chains = (
        Chain("k1", (rule(NatToMap(to_endpoint, Family.V4, (*KEY4, numgen(1)), "v4")),)),
        Chain(
            "k2",
            (
                rule(NatToMap(to_endpoint, Family.V4, (*KEY4, numgen(2)), "v4")),
                rule(NatToMap(to_endpoint, Family.V6, (*KEY6, numgen(2)), "v6")),
                rule(NatToMap(to_endpoint, Family.V4, (*KEY4, sticky), "v4")),
            ),
        ),
        Chain("pre", (rule(Vmap(KEY4, "n4")),), Hook("nat", "prerouting", -100)),
        Chain("out", (rule(jump("k1")),), Hook("nat", "output", -100)),
        Chain(
            "post",
            (
                rule(
                    InSet((f.IP_SADDR, f.IP_DADDR), "hairpin"),
                    Match(f.CT_STATUS, "dnat"),
                    Counter(),
                    Masquerade(),
                ),
                rule(
                    Match(f.CT_ORIGINAL_IP_DADDR, IPv4Address("10.0.1.11")),
                    Masquerade(random=True),
                    comment="why",
                ),
                rule(NatTo(NatKind.SOURCE, IPv4Address("192.0.2.1"))),
                rule(Match(f.L4PROTO, "tcp"), NatTo(NatKind.SOURCE, HostPort(ip_address("2001:db8::1"), 99))),
            ),
            Hook("nat", "postrouting", 100),
        ),
    )
    return Table("inet", "podwire-golden", sets, chains)


def policy() -> Table:
    """The layout of policy: identities in meta priority, verdict maps, ranges, ICMP types, refusals."""
    ident = Set("ident4", Key.typeof(f.IP_SADDR), data=Key.typeof(f.PRIORITY))
    ports = Set("ports", Key.typeof(f.PRIORITY, f.L4PROTO, f.TH_DPORT))
    goes = Set("goes", Key.of(t.IPV6_ADDR), verdicts=True)
    ranges4 = Set("ranges4", Key.of(t.IPV4_ADDR), interval=True)
    ranges6 = Set("ranges6", Key.of(t.IPV6_ADDR), interval=True)
    both = Set("both", Key.of(t.IPV4_ADDR, t.INET_PROTO, t.INET_SERVICE), interval=True)
    numbers = Set("numbers", Key.of(t.INET_SERVICE), interval=True)
    icmp6 = Set("icmp6", Key.of(t.ICMPV6_TYPE))
    sets = (
        filled(ident, *((((f"10.244.1.{n}",), (0x10000 + n,), "")) for n in range(1, 6))),
        filled(ports, ((0x10001, "tcp", 8080), (), "NetworkPolicy a/b"), ((0x10001, "udp", 9999), (), "")),
        filled(goes, (("fd00::1",), goto("c"), ""), (("fd00::2",), jump("c"), "")),
        filled(
            ranges4,
            ((IPv4Network("10.0.0.0/8"),), (), ""),
            ((Between("192.168.1.1", "192.168.1.9"),), (), "some"),
            (("192.168.1.10",), (), ""),
            ((IPv4Network("240.0.0.0/4"),), (), ""),
        ),
        filled(
            ranges6, ((IPv6Network("fd00::/16"),), (), ""), ((Between("2001:db8::1", "2001:db8::9"),), (), "")
        ),
        filled(both, ((IPv4Network("10.0.0.0/24"), "tcp", Between(80, 90)), (), "x")),
        filled(numbers, ((80,), (), ""), ((Between(64, 79),), (), ""), ((Between(100, 200),), (), "")),
        filled(icmp6, *(((kind,), (), "") for kind in (133, 135, 136, 143))),
        Set("none", Key.of(t.IPV4_ADDR, t.INET_SERVICE)),
    )
    rules = (
        rule(InSet((f.ICMPV6_TYPE,), "icmp6"), ACCEPT),
        rule(Match(f.CT_STATE, "invalid"), Counter(), DROP),
        rule(Match(f.CT_STATE, "established,related"), ACCEPT),
        rule(Match(f.CT_STATUS, "dnat", negate=True), ACCEPT),
        rule(SetMeta(f.PRIORITY, 0)),
        rule(SetMetaFromMap(f.PRIORITY, (f.CT_REPLY_IP_SADDR,), "ident4")),
        rule(Match(f.CT_DIRECTION, "original"), InSet((f.PRIORITY, f.L4PROTO, f.TH_DPORT), "ports"), ACCEPT),
        rule(InSet((f.IP_SADDR,), "ranges4", negate=True), Match(f.TH_DPORT, Between(80, 90)), DROP),
        rule(InSet((f.IP_SADDR, f.L4PROTO, f.TH_DPORT), "both"), RETURN),
        rule(InSet((f.TCP_DPORT,), "numbers"), RETURN),
        rule(Vmap((f.CT_REPLY_IP6_SADDR,), "goes")),
        rule(
            Match(f.TCP_DPORT, 443),
            Match(f.IIFNAME, "veth0"),
            Match(f.IP6_SADDR, IPv6Address("fd00::1")),
            ACCEPT,
        ),
        rule(Match(f.META_MARK, 17), Log("seen "), Log("x", 3), Limit(10, "minute", 7), ACCEPT),
        rule(
            Match(f.FIB_DADDR_TYPE, "local"), Match(f.NFPROTO, "ipv4"), Match(f.PKTTYPE, "broadcast"), ACCEPT
        ),
        rule(Match(f.ICMP_TYPE, "echo-request"), Reject(Refusal.HOST_UNREACHABLE), comment="no echo"),
        rule(Match(f.L4PROTO, "tcp"), Reject(Refusal.TCP_RESET)),
        rule(Reject()),
    )
    chains = (
        Chain("c", (rule(Counter(), DROP),)),
        Chain("forward", rules, Hook("filter", "forward", 10)),
        Chain("early", (rule(Notrack()),), Hook("filter", "prerouting", -300)),
        Chain("late", (), Hook("filter", "prerouting", -90, "drop")),
    )
    return Table("inet", "podwire-golden", sets, chains)


def guard() -> Table:
    """The bridge family: anti-spoofing by port, MAC and address."""
    known = Set("known", Key.typeof(f.IIFNAME, f.ETHER_SADDR, f.IP_SADDR))
    chains = (
        Chain(
            "input",
            (
                rule(InSet((f.IIFNAME, f.ETHER_SADDR, f.IP_SADDR), "known", negate=True), Counter(), DROP),
                rule(Match(f.ETHER_TYPE, "arp"), Match(f.ARP_OPERATION, "reply"), ACCEPT),
                rule(Match(f.ARP_SADDR_IP, IPv4Address("10.244.1.5")), ACCEPT),
                rule(Match(f.PROTOCOL, "ip6"), DROP),
            ),
            Hook("filter", "prerouting", -200),
        ),
    )
    sets = (filled(known, (("veth1", "0a:58:0a:f4:01:05", "10.244.1.5"), (), "Pod a/b")),)
    return Table("bridge", "podwire-golden", sets, chains)


@pytest.mark.parametrize("table", [services(), policy(), guard()], ids=["services", "policy", "bridge"])
def test_nft_lists_what_the_value_prints_and_a_dump_equals_it(handle, listed, table):
    want = RulesetState((table,))

    handle.apply(diff(RulesetState(), want))

    assert listed(table.family, table.name) == str(table)
    assert diff(handle.dump(table.family, table.name), want).empty
