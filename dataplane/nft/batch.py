"""A transaction for nf_tables as bytes, written message by message; each message knows what it stands for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dataplane.nft import wire
from dataplane.nft.element import Element, comment_userdata, interval_parts
from dataplane.nft.expression import userdata, userdata_u32
from dataplane.nft.ruleset import FAMILIES, HOOKS, Chain, Rule, Set, Table
from dataplane.nft.text import element_text
from dataplane.nft.wire import NFNL_SUBSYS_NFTABLES, NLM_F_APPEND, NLM_F_CREATE, Msg

_LIST_BYTES = 60_000
"""Most bytes of elements in a message: an attribute's length has 16 bits."""
_SET_INTERVAL, _SET_MAP, _SET_CONCAT = 0x4, 0x8, 0x80
_TABLE_OWNER = 0x2
_VERDICT_TYPE = 0xFFFFFF00
_TYPEOF_VERDICT = userdata_u32(0, 1) + userdata(1, b"")
_POLICIES = {"drop": 0, "accept": 1}

Blame = Callable[[], str]
"""Gives the line of nft text that a message stands for."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """All or nothing. data: from BATCH_BEGIN to BATCH_END. blame: by sequence number of the message."""

    data: bytes
    blame: tuple[Blame, ...] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NftBatch:
    """Bytes that bring a kernel from one state to another; the same bytes for as many nodes as need them.

    Chains are deleted by a transaction of their own, after the one that drops the last reference: kernels
    before 6.2 call them busy otherwise. elements: how many are added or deleted.
    """

    transactions: tuple[Transaction, ...] = ()
    elements: int = 0

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.transactions

    def __len__(self) -> int:
        return sum(len(each.data) for each in self.transactions)


class BatchWriter:
    """Writes the messages of one transaction, in order. Sequence numbers count from 1."""

    def __init__(self) -> None:
        self._messages: list[bytes] = []
        self._blame: list[Blame] = []
        self.elements = 0

    def _write(self, kind: Msg, table: Table, body: bytes, blame: Blame, flags: int = 0) -> None:
        number = NFNL_SUBSYS_NFTABLES << 8 | kind
        sequence = len(self._messages) + 1
        self._messages.append(wire.message(number, flags, sequence, FAMILIES[table.family], body))
        self._blame.append(blame)

    def add_table(self, table: Table, *, owned: bool = False) -> None:
        """The table itself, empty; no error when it is there.

        owned: it goes away with the socket that sends this, and nobody else can change it (Linux 5.12).
        """
        body = wire.text(1, table.name) + wire.u32(2, _TABLE_OWNER if owned else 0)
        self._write(Msg.NEWTABLE, table, body, lambda: f"add table {_name(table)}", NLM_F_CREATE)

    def delete_table(self, table: Table) -> None:
        """The table with all that is in it."""
        self._write(Msg.DELTABLE, table, wire.text(1, table.name), lambda: f"delete table {_name(table)}")

    def add_chain(self, table: Table, chain: Chain) -> None:
        """The chain without its rules."""
        body = wire.text(1, table.name) + wire.text(3, chain.name)
        if chain.hook is not None:
            hook = chain.hook
            body += wire.nested(4, wire.u32(1, HOOKS[hook.hook]), wire.u32(2, hook.priority))
            body += wire.u32(5, _POLICIES[hook.policy]) + wire.text(7, hook.type)
        self._write(
            Msg.NEWCHAIN,
            table,
            body,
            lambda: f"add chain {_name(table)} {chain.name} {_hook(chain)}",
            NLM_F_CREATE,
        )

    def delete_chain(self, table: Table, chain: str) -> None:
        """An empty chain that nothing refers to."""
        body = wire.text(1, table.name) + wire.text(3, chain)
        self._write(Msg.DELCHAIN, table, body, lambda: f"delete chain {_name(table)} {chain}")

    def flush_chain(self, table: Table, chain: str) -> None:
        """All rules of a chain."""
        body = wire.text(1, table.name) + wire.text(2, chain)
        self._write(Msg.DELRULE, table, body, lambda: f"flush chain {_name(table)} {chain}")

    def add_rule(self, table: Table, chain: str, rule: Rule) -> None:
        """A rule at the end of its chain."""
        body = wire.text(1, table.name) + wire.text(2, chain) + wire.nested(4, rule.packed(table.family))
        if rule.comment:
            body += wire.attribute(7, comment_userdata(rule.comment))
        blame: Blame = lambda: f"add rule {_name(table)} {chain} {rule}"  # noqa: E731 - lazy on purpose
        self._write(Msg.NEWRULE, table, body, blame, NLM_F_CREATE | NLM_F_APPEND)

    def add_set(self, table: Table, each: Set) -> None:
        """A set or map without its elements."""
        flags = (_SET_MAP if each.is_map else 0) | (_SET_INTERVAL if each.interval else 0)
        concatenated_ranges = each.interval and each.key.concatenated
        if concatenated_ranges:
            flags |= _SET_CONCAT
        body = wire.text(1, table.name) + wire.text(2, each.name) + wire.u32(3, flags)
        body += wire.u32(4, each.key.number) + wire.u32(5, each.key.size)
        if each.verdicts:
            body += wire.u32(6, _VERDICT_TYPE) + wire.u32(7, 0)
        elif each.data is not None:
            body += wire.u32(6, each.data.number) + wire.u32(7, each.data.size)
        if concatenated_ranges:
            fields = [wire.nested(1, wire.u32(1, width)) for width in _field_widths(each)]
            body += wire.nested(9, wire.nested(2, *fields))
        body += wire.u32(10, len(self._messages) + 1) + wire.attribute(13, _set_userdata(each))
        self._write(Msg.NEWSET, table, body, lambda: f"add set {_name(table)} {each.name}", NLM_F_CREATE)

    def delete_set(self, table: Table, name: str) -> None:
        """A set that no rule uses."""
        body = wire.text(1, table.name) + wire.text(2, name)
        self._write(Msg.DELSET, table, body, lambda: f"delete set {_name(table)} {name}")

    def add_elements(self, table: Table, each: Set, elements: Iterable[Element]) -> None:
        """Elements of a set, as many messages as they need."""
        self._write_elements(Msg.NEWSETELEM, table, each, list(elements))

    def delete_elements(self, table: Table, each: Set, elements: Iterable[Element]) -> None:
        """Elements by their keys."""
        self._write_elements(Msg.DELSETELEM, table, each, list(elements))

    def _write_elements(self, kind: Msg, table: Table, each: Set, elements: list[Element]) -> None:
        self.elements += len(elements)
        head = wire.text(1, table.name) + wire.text(2, each.name)
        adding = kind is Msg.NEWSETELEM
        per_element = 2 if each.interval and not each.key.concatenated else 1
        size = len(elements[0].packed()) if elements else 1
        step = max(1, _LIST_BYTES // (per_element * (size + 4 + 132)))
        for at in range(0, len(elements), step):
            part = elements[at : at + step]
            named = part if adding else [element.naming() for element in part]
            if per_element == 2:
                packed = interval_parts(named)
            else:
                packed = [element.packed() for element in named]
            blame = _ElementBlame("add" if adding else "delete", table, each, part)
            self._write(kind, table, head + wire.nested(3, *packed), blame, NLM_F_CREATE if adding else 0)

    def transaction(self) -> Transaction | None:
        """What was written, framed; None when nothing was."""
        if not self._messages:
            return None
        begin = wire.message(wire.NFNL_MSG_BATCH_BEGIN, 0, 0, 0, b"", resource=NFNL_SUBSYS_NFTABLES)
        last = len(self._messages) + 1
        end = wire.message(wire.NFNL_MSG_BATCH_END, 0, last, 0, b"", resource=NFNL_SUBSYS_NFTABLES)
        return Transaction(b"".join([begin, *self._messages, end]), tuple(self._blame))

    def batch(self) -> NftBatch:
        """What was written as a batch of one transaction; empty when nothing was."""
        transaction = self.transaction()
        return NftBatch((transaction,) if transaction else (), self.elements)


@dataclass(frozen=True, slots=True)
class _ElementBlame:
    verb: str
    table: Table
    set: Set
    elements: list[Element]

    def __call__(self) -> str:
        shown = ", ".join(element_text(self.set, element) for element in self.elements[:3])
        more = f", … ({len(self.elements)})" if len(self.elements) > 3 else ""
        return f"{self.verb} element {_name(self.table)} {self.set.name} {{ {shown}{more} }}"


def _name(table: Table) -> str:
    return f"{table.family} {table.name}"


def _hook(chain: Chain) -> str:
    hook = chain.hook
    return f"{{ type {hook.type} hook {hook.hook} priority {hook.priority}; }}" if hook else ""


def _field_widths(each: Set) -> tuple[int, ...]:
    return tuple(kind.size for kind in each.key.types)


def _set_userdata(each: Set) -> bytes:
    """nft's notes: byte orders, typeof expressions, so that a listing prints what was meant."""
    parts = [userdata_u32(0, each.key.order)]
    if each.is_map:
        parts.append(userdata_u32(1, each.data.order if each.data is not None else 0))
    if each.key.selectors:
        parts.append(userdata(3, each.key.typeof_userdata()))
        if each.data is not None and each.data.selectors:
            parts.append(userdata(4, each.data.typeof_userdata()))
        if each.verdicts:
            parts.append(userdata(4, _TYPEOF_VERDICT))
    if each.is_map:
        parts.append(userdata_u32(6, 0))
    return b"".join(parts)
