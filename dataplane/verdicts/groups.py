"""One group of pods in nftables: a chain that ends in a drop, and a set for each form of allowance.

A group's rules never change: its name covers its forms. Only elements come and go.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dataplane.model.origin import Origin
from dataplane.model.verdict import AddressRange, Allowance, Direction, Form, VerdictGroup
from dataplane.nft import field as f
from dataplane.nft.action import Counter
from dataplane.nft.datatype import IPV4_ADDR, IPV6_ADDR, Value
from dataplane.nft.element import Element, Key
from dataplane.nft.expression import Selector
from dataplane.nft.ruleset import Chain, Rule, Set, rule
from dataplane.nft.statement import DROP, RETURN, Between, InSet, Match, goto

OK = "ok"
"""Chain that accepts: where an ingress group sends what it lets pass."""

IDENTITY_BASE = 0x10000
"""Identity n is traffic class 1:n; forwarding writes classes 0 to 15 into the same field (rt_tos2priority)."""

ORIGINAL, REPLY = Match(f.CT_DIRECTION, "original"), Match(f.CT_DIRECTION, "reply")


@dataclass(frozen=True, slots=True)
class _Shape:
    """A form's set, and what of a packet is looked up in it.

    original, reply: by direction of the packet; both equal where one rule serves both.
    """

    key: Key
    original: tuple[Selector, ...]
    reply: tuple[Selector, ...]
    interval: bool = False


_IDENTITY_PORT = (f.PRIORITY, f.L4PROTO, f.TH_DPORT)
_IDENTITY_PORT_BACK = (f.PRIORITY, f.L4PROTO, f.TH_SPORT)
_PORT, _PORT_BACK = (f.L4PROTO, f.TH_DPORT), (f.L4PROTO, f.TH_SPORT)

# Either direction: the peer's address from the flow's tuple.
_PEER4 = {Direction.INGRESS: f.CT_ORIGINAL_IP_SADDR, Direction.EGRESS: f.CT_REPLY_IP_SADDR}
_PEER6 = {Direction.INGRESS: f.CT_ORIGINAL_IP6_SADDR, Direction.EGRESS: f.CT_REPLY_IP6_SADDR}


def _shape(form: Form, direction: Direction) -> _Shape:
    match form:
        case Form.IDENTITY_PORT:
            return _Shape(Key.typeof(*_IDENTITY_PORT), _IDENTITY_PORT, _IDENTITY_PORT_BACK)
        case Form.IDENTITY_RANGE:
            return _Shape(Key.typeof(*_IDENTITY_PORT), _IDENTITY_PORT, _IDENTITY_PORT_BACK, interval=True)
        case Form.IDENTITY:
            return _Shape(Key.typeof(f.PRIORITY), (f.PRIORITY,), (f.PRIORITY,))
        case Form.ANY_PORT:
            return _Shape(Key.typeof(*_PORT), _PORT, _PORT_BACK)
        case Form.ANY_RANGE:
            return _Shape(Key.typeof(*_PORT), _PORT, _PORT_BACK, interval=True)
        case Form.BLOCK4:
            return _Shape(Key.of(IPV4_ADDR), (_PEER4[direction],), (_PEER4[direction],), interval=True)
        case Form.BLOCK6:
            return _Shape(Key.of(IPV6_ADDR), (_PEER6[direction],), (_PEER6[direction],), interval=True)
        case Form.BLOCK4_PORTS:
            return _block_ports(direction, f.IP_SADDR, f.IP_DADDR)
        case Form.BLOCK6_PORTS:
            return _block_ports(direction, f.IP6_SADDR, f.IP6_DADDR)


def _block_ports(direction: Direction, source: Selector, destination: Selector) -> _Shape:
    """In `forward` a packet shows the tuple's own addresses, after DNAT and before SNAT; in a concatenation
    nft takes those and refuses ``ct original ip saddr``.
    """
    peer, self_ = (source, destination) if direction is Direction.INGRESS else (destination, source)
    return _Shape(
        Key.typeof(peer, f.L4PROTO, f.TH_DPORT),
        (peer, f.L4PROTO, f.TH_DPORT),
        (self_, f.L4PROTO, f.TH_SPORT),
        interval=True,
    )


def set_name(group: str, form: Form) -> str:
    """Name of a group's set for a form."""
    return f"{group}.{form}"


def group_set(group: VerdictGroup, form: Form) -> Set:
    """The set, empty."""
    shape = _shape(form, group.direction)
    return Set(set_name(group.name, form), shape.key, interval=shape.interval)


def group_chain(group: VerdictGroup) -> Chain:
    """The rules: each set in each direction, a pod and itself, and the drop that names the policies.

    What passes goes on: an ingress group accepts, an egress group returns to be judged by the other end.
    """
    verdict = goto(OK) if group.direction is Direction.INGRESS else RETURN
    rules = []
    for form in sorted(group.forms, key=list(Form).index):
        name, shape = set_name(group.name, form), _shape(form, group.direction)
        if shape.original == shape.reply:
            rules.append(rule(InSet(shape.original, name), verdict))
        else:
            rules.append(rule(ORIGINAL, InSet(shape.original, name), verdict))
            rules.append(rule(REPLY, InSet(shape.reply, name), verdict))
    # A pod reaches itself through its Service: both ends are one address, which no policy may forbid.
    rules.append(rule(InSet((f.IP_SADDR, f.IP_DADDR), "self4"), verdict))
    rules.append(rule(InSet((f.IP6_SADDR, f.IP6_DADDR), "self6"), verdict))
    rules.append(_drop(group))
    return Chain(group.name, tuple(rules))


def _drop(group: VerdictGroup) -> Rule:
    said = f"default deny {group.direction}: {', '.join(_key(origin) for origin in group.isolated_by)}"
    return rule(Counter(), DROP, comment=said)


def _key(origin: Origin) -> str:
    return f"{origin.namespace}/{origin.name}"


def elements_by_form(group: VerdictGroup, allows: Mapping[Allowance, Origin]) -> dict[Form, list[Element]]:
    """Some of a group's allowances as elements of its sets."""
    found: dict[Form, list[Element]] = {}
    sets: dict[Form, Set] = {}
    for allowance, origin in allows.items():
        form = Form.of(allowance)
        if form not in sets:
            sets[form] = group_set(group, form)
        found.setdefault(form, []).append(
            sets[form].element(*_values(form, allowance), comment=origin.comment())
        )
    return found


def _values(form: Form, allowance: Allowance) -> list[Value]:
    peer, ports = allowance
    values: list[Value] = []
    if isinstance(peer, AddressRange):
        values.append(Between(peer.first, peer.last))
    elif peer is not None:
        values.append(IDENTITY_BASE + peer)
    if ports is not None:
        interval = form not in (Form.IDENTITY_PORT, Form.ANY_PORT)
        values += [ports.protocol, Between(ports.first, ports.last) if interval else ports.first]
    return values
