"""Asks nf_tables to tell of one packet: a table of our own whose only rules set ``meta nftrace``.

The table is owned by the socket that made it (NFT_TABLE_F_OWNER, Linux 5.12): when that is closed, by us or by
the kernel after kill -9, the table is gone. A packet's trace bit is lost when it crosses into another
namespace, so each has a table. Its chains run before all others, so that nothing happens unseen.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dataplane.nft import datatype as t
from dataplane.nft import field as f
from dataplane.nft.batch import BatchWriter
from dataplane.nft.expression import Meta, Payload
from dataplane.nft.handle import NftHandle
from dataplane.nft.ruleset import Chain, Hook, Rule, Table, rule
from dataplane.nft.statement import Match, SetMeta

_FIRST = -(1 << 31)
_NFTRACE = Meta("meta nftrace", t.INTEGER_BYTE, 12)
_HOOKS = {"inet": ("prerouting", "output"), "bridge": ("prerouting", "output")}
ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132
_UDP_BYTES, _VXLAN_BYTES, _ETHERNET_BYTES, _IP4_BYTES, _IP6_BYTES, _ICMP_BYTES = 8, 8, 14, 20, 40, 8
PREFIX = "podwire-trace-"


@dataclass(frozen=True, slots=True)
class Mark:
    """What makes a packet ours wherever it is: its protocol, and a number that no translation changes.

    protocol: IP protocol number. number: the sender's port, or an echo's identifier.
    """

    protocol: int
    number: int


def marking_tables(mark: Mark) -> tuple[Table, ...]:
    """One table a family: packets of the flow in both directions, errors about them, and VXLAN around them."""
    name = f"{PREFIX}{os.getpid()}"
    tables = []
    for family, hooks in _HOOKS.items():
        rules = tuple(_rules(mark))
        chains = tuple(Chain(hook, rules, Hook("filter", hook, _FIRST)) for hook in hooks)
        tables.append(Table(family, name, (), chains))
    return tuple(tables)


def _rules(mark: Mark) -> Iterator[Rule]:
    trace = SetMeta(_NFTRACE, 1)
    ours = Match(f.L4PROTO, mark.protocol)
    echo = mark.protocol in (ICMP, ICMPV6)
    # Ports of a transport header; an echo's identifier stands after type, code and checksum.
    places = (4,) if echo else (0, 2)
    for offset in places:
        yield rule(ours, Match(_at(offset), mark.number), trace)
    for outer in (ICMP, ICMPV6):
        header = _IP4_BYTES if outer == ICMP else _IP6_BYTES
        for offset in places:
            quoted = _at(_ICMP_BYTES + header + offset)
            yield rule(Match(f.L4PROTO, outer), Match(quoted, mark.number), trace)
    for header in (_IP4_BYTES, _IP6_BYTES):
        inner = _UDP_BYTES + _VXLAN_BYTES + _ETHERNET_BYTES + header
        for offset in places:
            yield rule(Match(f.L4PROTO, UDP), Match(_at(inner + offset), mark.number), trace)


def _at(offset: int) -> Payload:
    """Two bytes of the transport header."""
    return Payload(f"@th,{offset * 8},16", t.INET_SERVICE, f.TRANSPORT, offset, 0, 0)


@contextmanager
def marked(handles: tuple[NftHandle, ...], mark: Mark) -> Iterator[None]:
    """In each handle's namespace the flow's packets are traced, for the block. Raises RulesetRejected."""
    making, removing = BatchWriter(), BatchWriter()
    for table in marking_tables(mark):
        making.add_table(table, owned=True)
        for chain in table.chains:
            making.add_chain(table, chain)
            for each in chain.rules:
                making.add_rule(table, chain.name, each)
        removing.delete_table(table)
    with ExitStack() as stack:
        for handle in handles:
            handle.apply(making.batch())
            stack.callback(handle.apply, removing.batch())
        yield
