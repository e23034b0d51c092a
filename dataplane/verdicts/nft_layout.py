"""A node's verdict table as nftables: table ``inet podwire-policy``, judged in `forward`.

Every packet is judged by its flow's tuple, in both directions, and nothing is accepted for being established:
one element less cuts a live connection. First the source's group (egress) is asked, with the destination's
identity in ``meta priority``, then the destination's group with the source's identity. A node's own packets
(probes) pass `output` and `input`, never here. Measured in docs/decisions and ``experiments/policy.nft``.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

from dataplane.model.address import Family, IPAddress, IPNetwork
from dataplane.model.verdict import FREE, Identity, PodVerdict, VerdictGroup, VerdictTable
from dataplane.nft import datatype as t
from dataplane.nft import field as f
from dataplane.nft.action import Counter
from dataplane.nft.element import Element, Key
from dataplane.nft.ruleset import Chain, Hook, Rule, Set, Table, rule
from dataplane.nft.statement import (
    ACCEPT,
    DROP,
    InSet,
    Match,
    SetMeta,
    SetMetaFromMap,
    Vmap,
    goto,
    jump,
)
from dataplane.verdicts.groups import (
    IDENTITY_BASE,
    OK,
    ORIGINAL,
    elements_by_form,
    group_chain,
    group_set,
)

FAMILY, NAME = "inet", "podwire-policy"
EMPTY = Table(FAMILY, NAME)
"""Names the table for messages about parts of it."""

IDENTITIES = {
    Family.V4: Set("identities4", Key.typeof(f.IP_SADDR), Key.typeof(f.PRIORITY)),
    Family.V6: Set("identities6", Key.typeof(f.IP6_SADDR), Key.typeof(f.PRIORITY)),
}
INGRESS = {
    Family.V4: Set("ingress4", Key.of(t.IPV4_ADDR), verdicts=True),
    Family.V6: Set("ingress6", Key.of(t.IPV6_ADDR), verdicts=True),
}
EGRESS = {
    Family.V4: Set("egress4", Key.of(t.IPV4_ADDR), verdicts=True),
    Family.V6: Set("egress6", Key.of(t.IPV6_ADDR), verdicts=True),
}
SELF = {
    Family.V4: Set("self4", Key.typeof(f.IP_SADDR, f.IP_DADDR)),
    Family.V6: Set("self6", Key.typeof(f.IP6_SADDR, f.IP6_DADDR)),
}
_DISCOVERY = Set("discovery", Key.of(t.ICMPV6_TYPE))
# Multicast listeners 130-132 and 143, router solicitation, neighbours: conntrack leaves them untracked
# (nf_conntrack_proto_icmpv6.c). Router advertisements and redirects are a router's, and no pod is one.
_DISCOVERY_TYPES = (130, 131, 132, 133, 135, 136, 143)

_NO_IDENTITY = SetMeta(f.PRIORITY, 0)


def table_state(table: VerdictTable) -> Table:
    """The whole table with all its elements."""
    groups = [table.groups[name] for name in sorted(table.groups)]
    sets = [
        _DISCOVERY.with_elements(_DISCOVERY.element(kind) for kind in _DISCOVERY_TYPES),
        *_filled(IDENTITIES, identity_elements(table.identities)),
        *_filled(INGRESS, ingress_elements(table.pods)),
        *_filled(EGRESS, egress_elements(table.pods)),
        *_filled(SELF, self_elements(table.pods)),
        *(each for group in groups for each in _group_sets(group)),
    ]
    chains = [
        Chain(OK, (rule(_NO_IDENTITY), rule(ACCEPT))),
        Chain("unknown", (rule(Counter(), DROP, comment="an address of this node without a pod"),)),
        *(group_chain(group) for group in groups),
        Chain("forward", tuple(_forward(table.local)), Hook("filter", "forward", 10)),
    ]
    return Table(FAMILY, NAME, tuple(sets), tuple(chains))


def _forward(local: Iterable[IPNetwork]) -> list[Rule]:
    return [
        rule(InSet((f.ICMPV6_TYPE,), _DISCOVERY.name), ACCEPT),
        rule(Match(f.CT_STATE, "invalid,untracked"), Counter(), DROP, comment="no flow to judge by"),
        rule(Match(f.CT_STATE, "related"), ACCEPT),
        rule(_NO_IDENTITY),
        rule(SetMetaFromMap(f.PRIORITY, (f.CT_REPLY_IP_SADDR,), "identities4")),
        rule(SetMetaFromMap(f.PRIORITY, (f.CT_REPLY_IP6_SADDR,), "identities6")),
        rule(Vmap((f.CT_ORIGINAL_IP_SADDR,), "egress4")),
        rule(Vmap((f.CT_ORIGINAL_IP6_SADDR,), "egress6")),
        rule(_NO_IDENTITY),
        rule(SetMetaFromMap(f.PRIORITY, (f.CT_ORIGINAL_IP_SADDR,), "identities4")),
        rule(SetMetaFromMap(f.PRIORITY, (f.CT_ORIGINAL_IP6_SADDR,), "identities6")),
        rule(Vmap((f.CT_REPLY_IP_SADDR,), "ingress4")),
        rule(Vmap((f.CT_REPLY_IP6_SADDR,), "ingress6")),
        *(rule(_inside(cidr), ORIGINAL, goto("unknown")) for cidr in local),
        rule(_NO_IDENTITY),
    ]


def _inside(cidr: IPNetwork) -> Match:
    return Match(f.IP_DADDR if isinstance(cidr, IPv4Network) else f.IP6_DADDR, cidr)


def _group_sets(group: VerdictGroup) -> list[Set]:
    elements = elements_by_form(group, group.allows)
    return [group_set(group, form).with_elements(elements.get(form, [])) for form in sorted(group.forms)]


def identity_elements(identities: Mapping[IPAddress, Identity]) -> dict[Family, list[Element]]:
    """Addresses with their identities, by family."""
    found: dict[Family, list[Element]] = {}
    for address, identity in identities.items():
        family = Family.of(address)
        to = (IDENTITY_BASE + identity.number,)
        found.setdefault(family, []).append(
            IDENTITIES[family].element(address, to=to, comment=identity.origin.comment())
        )
    return found


def ingress_elements(pods: Mapping[IPAddress, PodVerdict]) -> dict[Family, list[Element]]:
    """Each local address with what judges what it is sent: an address without an entry gets nothing."""
    found: dict[Family, list[Element]] = {}
    for address, verdict in pods.items():
        family = Family.of(address)
        to = goto(OK if verdict.ingress == FREE else verdict.ingress)
        found.setdefault(family, []).append(
            INGRESS[family].element(address, to=to, comment=verdict.origin.comment())
        )
    return found


def egress_elements(pods: Mapping[IPAddress, PodVerdict]) -> dict[Family, list[Element]]:
    """Each local address whose pod is isolated for egress."""
    found: dict[Family, list[Element]] = {}
    for address, verdict in pods.items():
        if verdict.egress != FREE:
            family = Family.of(address)
            to = jump(verdict.egress)
            found.setdefault(family, []).append(
                EGRESS[family].element(address, to=to, comment=verdict.origin.comment())
            )
    return found


def self_elements(pods: Mapping[IPAddress, PodVerdict]) -> dict[Family, list[Element]]:
    """Each isolated local address beside itself."""
    found: dict[Family, list[Element]] = {}
    for address, verdict in pods.items():
        if (verdict.ingress, verdict.egress) != (FREE, FREE):
            family = Family.of(address)
            found.setdefault(family, []).append(SELF[family].element(address, address))
    return found


def _filled(sets: Mapping[Family, Set], elements: Mapping[Family, list[Element]]) -> list[Set]:
    return [each.with_elements(elements.get(family, [])) for family, each in sets.items()]
