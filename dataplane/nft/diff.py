"""The least change from one ruleset to another."""

from collections.abc import Mapping

from dataplane.nft.batch import BatchWriter, NftBatch
from dataplane.nft.compiled import canonical
from dataplane.nft.element import Element
from dataplane.nft.ruleset import Chain, RulesetState, Set, Table


def diff(have: RulesetState, want: RulesetState) -> NftBatch:
    """Bytes that turn ``have`` into ``want``; empty when they do the same. Comments alone are no difference.

    Tables of ``have`` that ``want`` lacks are deleted. A chain whose rules differ is flushed and written again;
    sets change by element; a set of another shape, or a chain on another hook, rebuilds its table.
    """
    first, last = BatchWriter(), BatchWriter()
    for table in have.tables:
        if want.table(table.family, table.name) is None:
            first.delete_table(table)
    for table in want.tables:
        present = have.table(table.family, table.name)
        if present is not None and _reshaped(present, table):
            first.delete_table(present)
            present = None
        _converge(first, last, present or Table(table.family, table.name), table, create=present is None)
    transactions = [each.transaction() for each in (first, last)]
    return NftBatch(tuple(each for each in transactions if each is not None), first.elements)


def _converge(first: BatchWriter, last: BatchWriter, have: Table, want: Table, *, create: bool) -> None:
    """Write one table's changes: what is referred to comes first, what refers to it after."""
    if create:
        first.add_table(want)
    for chain in want.chains:
        if chain.name not in have.chain_by_name:
            first.add_chain(want, chain)
    for each in want.sets:
        if each.name not in have.set_by_name:
            first.add_set(want, each)
    gone_chains = [chain for chain in have.chains if chain.name not in want.chain_by_name]
    for chain in gone_chains:
        if chain.rules:
            first.flush_chain(have, chain.name)
    for chain in want.chains:
        _rewrite(first, want, have.chain_by_name.get(chain.name), chain)
    for each in want.sets:
        present = have.set_by_name.get(each.name)
        _change_elements(first, want, each, present.elements if present else {})
    for each in have.sets:
        if each.name not in want.set_by_name:
            first.delete_set(have, each.name)
    for chain in gone_chains:
        last.delete_chain(have, chain.name)


def _rewrite(writer: BatchWriter, table: Table, have: Chain | None, want: Chain) -> None:
    """A chain's rules, when they do something else than before."""
    rules = have.rules if have is not None else ()
    if same_rules(table.family, Chain(want.name, rules), want):
        return
    if rules:
        writer.flush_chain(table, want.name)
    for rule in want.rules:
        writer.add_rule(table, want.name, rule)


def same_rules(family: str, have: Chain, want: Chain) -> bool:
    """Two chains' rules do the same."""
    if have.rules == want.rules:
        return True
    if len(have.rules) != len(want.rules):
        return False
    pairs = zip(have.rules, want.rules, strict=True)
    return all(a == b or canonical(a.packed(family)) == canonical(b.packed(family)) for a, b in pairs)


def _change_elements(writer: BatchWriter, table: Table, each: Set, have: Mapping[bytes, Element]) -> None:
    """Elements by key: gone ones first, so that changed data can be added again."""
    want = each.elements
    if not have:
        new = list(want.values())
        gone: list[Element] = []
    else:
        new = [element for key, element in want.items() if have.get(key) != element]
        gone = [element for key, element in have.items() if want.get(key) != element]
    if gone:
        writer.delete_elements(table, each, gone)
    if new:
        writer.add_elements(table, each, new)


def _reshaped(have: Table, want: Table) -> bool:
    """A set has another type, or a base chain another hook: the table is made anew."""
    for each in want.sets:
        present = have.set_by_name.get(each.name)
        if present is not None and shape(present) != shape(each):
            return True
    for chain in want.chains:
        present_chain = have.chain_by_name.get(chain.name)
        if present_chain is not None and present_chain.hook != chain.hook:
            return True
    return False


def shape(each: Set) -> tuple[object, ...]:
    """What can't be changed in a set that exists."""
    data = (each.data.number, each.data.size) if each.data is not None else None
    return each.key.number, each.key.size, data, each.verdicts, each.interval
