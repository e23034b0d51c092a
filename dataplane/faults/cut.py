"""Cuts and losses: a bridge's port put down, and table ``podwire-fault`` that drops frames or packets.

Each fault has chains of its own in the table: what is in force is what the kernel lists, and healing one touches no
other. Ports are matched in family bridge, so that everything of a cable is meant (ARP, tunnels, both families);
pairs that a pod is part of are matched by addresses, in family inet of a node.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network

from dataplane.faults.act import AddressDrop, LinkDown, PortDrop
from dataplane.model.address import IPNetwork
from dataplane.netlink import link_order
from dataplane.netlink.batch import BatchSocket
from dataplane.netns.enter import inside
from dataplane.nft import field as f
from dataplane.nft.action import Counter
from dataplane.nft.batch import BatchWriter
from dataplane.nft.chance import Chance
from dataplane.nft.handle import NftHandle
from dataplane.nft.ruleset import Chain, Hook, Rule, Table, rule
from dataplane.nft.statement import DROP, Match, Statement

TABLE = "podwire-fault"
_BRIDGE_PRIORITY, _INET_PRIORITY = -310, -10
_EVERYTHING = 100.0
Drop = PortDrop | AddressDrop


def put_down(act: LinkDown) -> None:
    """A link down. Raises LinkError when there is none, NamespaceGone."""
    with inside(act.netns):
        socket = BatchSocket(act.netns)
    with socket:
        socket.send([link_order.set_down(act.link)])


def drop(act: Drop, comment: str) -> None:
    """Drop what the act names; doing it again replaces its rules. comment: of each rule, for traces. Raises RulesetError."""
    table = table_of(act)
    chains = chains_of(act, comment)
    writer = BatchWriter()
    writer.add_table(table)
    for chain in chains:
        writer.add_chain(table, chain)
        writer.flush_chain(table, chain.name)
        for each in chain.rules:
            writer.add_rule(table, chain.name, each)
    with NftHandle(act.netns) as handle:
        handle.apply(writer.batch())


def table_of(act: Drop) -> Table:
    """The table, empty."""
    return Table("bridge" if isinstance(act, PortDrop) else "inet", TABLE)


def chains_of(act: Drop, comment: str) -> tuple[Chain, ...]:
    """The act's chains, one for each hook that its packets pass."""
    if isinstance(act, PortDrop):
        rules: dict[str, list[Rule]] = {}
        for crossing in act.crossings:
            hook, matches = _crossing(*crossing)
            rules.setdefault(hook, []).append(_rule(act.percent, matches, comment))
        return tuple(
            Chain(f"{act.chain}-{hook}", tuple(rules[hook]), Hook("filter", hook, _BRIDGE_PRIORITY))
            for hook in rules
        )
    of_pairs = tuple(_rule(act.percent, tuple(_pair(*pair)), comment) for pair in act.pairs)
    return tuple(
        Chain(f"{act.chain}-{hook}", of_pairs, Hook("filter", hook, _INET_PRIORITY))
        for hook in ("forward", "input", "output")
    )


def _crossing(into: str, out: str) -> tuple[str, tuple[Statement, ...]]:
    """The hook that sees a crossing, and how it is told from others."""
    if into and out:
        return "forward", (Match(f.IIFNAME, into), Match(f.OIFNAME, out))
    if into:
        return "prerouting", (Match(f.IIFNAME, into),)
    return "postrouting", (Match(f.OIFNAME, out),)


def _pair(source: IPNetwork, destination: IPNetwork) -> Iterator[Statement]:
    v4 = isinstance(source, IPv4Network)
    yield Match(f.IP_SADDR if v4 else f.IP6_SADDR, source)
    yield Match(f.IP_DADDR if v4 else f.IP6_DADDR, destination)


def _rule(percent: float, matches: tuple[Statement, ...], comment: str) -> Rule:
    chance = () if percent >= _EVERYTHING else (Chance(percent),)
    return rule(*matches, *chance, Counter(), DROP, comment=comment)
