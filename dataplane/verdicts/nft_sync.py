"""Brings one node's nftables to a verdict table: all of it at start, then change by change."""

import sys
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from dataplane.model.address import Family, IPAddress
from dataplane.model.verdict import Identity, PodVerdict, VerdictDelta, VerdictGroup, VerdictTable
from dataplane.nft.batch import BatchWriter, NftBatch
from dataplane.nft.diff import diff
from dataplane.nft.element import Element
from dataplane.nft.handle import Applied, NftHandle
from dataplane.nft.ruleset import RulesetState, Set, Table
from dataplane.verdicts import guard, nft_layout
from dataplane.verdicts.groups import IDENTITY_BASE, elements_by_form, group_chain, group_set
from dataplane.verdicts.guard import PortSources

K = TypeVar("K")
V = TypeVar("V")


class NftVerdicts:
    """Policy of one node's kernel. Not for use by two threads at once.

    Every call is one transaction (and one more where chains go, for kernels before 6.2): when it returns, the
    kernel judges by it. After RulesetRejected nothing of that call is in force: call ``sync``.
    """

    def __init__(self, handle: NftHandle) -> None:
        self._handle = handle
        self._identities: dict[IPAddress, Identity] = {}
        self._pods: dict[IPAddress, PodVerdict] = {}
        self._ports: dict[str, PortSources] = {}

    def identities(self) -> dict[IPAddress, int]:
        """The identities that the kernel holds now, from whoever wrote them before."""
        held: dict[IPAddress, int] = {}
        for table in self._handle.dump(nft_layout.FAMILY, nft_layout.NAME).tables:
            for family, name in ((IPv4Address, "identities4"), (IPv6Address, "identities6")):
                found = table.set_by_name.get(name)
                for element in found.elements.values() if found and found.data else ():
                    if isinstance(element.data, bytes):
                        number = _host_number(element.data) - IDENTITY_BASE
                        held[family(element.key)] = number
        return held

    def sync(self, want: VerdictTable, ports: Iterable[PortSources]) -> Applied:
        """Read what the kernel has, and change what differs."""
        have = RulesetState(
            (
                *self._handle.dump(nft_layout.FAMILY, nft_layout.NAME).tables,
                *self._handle.dump(guard.FAMILY, guard.NAME).tables,
            )
        )
        by_name = {port.interface: port for port in ports}
        state = RulesetState((nft_layout.table_state(want), guard.guard_table(by_name.values())))
        applied = self._handle.apply(diff(have, state))
        self._ports = by_name
        self._identities, self._pods = dict(want.identities), dict(want.pods)
        return applied

    def apply(
        self, delta: VerdictDelta, *, admit: Iterable[PortSources] = (), retire: Iterable[str] = ()
    ) -> Applied:
        """One change. admit: ports with what they may send from. retire: names of ports that may nothing more."""
        writer, after = BatchWriter(), BatchWriter()
        for group in delta.new_groups:
            _add_group(writer, group)
        identities = _changes(self._identities, delta.identities)
        _exchange(writer, nft_layout.IDENTITIES, nft_layout.identity_elements, identities)
        pods = _changes(self._pods, delta.pods)
        _exchange(writer, nft_layout.INGRESS, nft_layout.ingress_elements, pods)
        _exchange(writer, nft_layout.EGRESS, nft_layout.egress_elements, pods)
        _exchange(writer, nft_layout.SELF, nft_layout.self_elements, pods)
        for change in delta.changed_groups:
            for form, elements in elements_by_form(change.group, change.removed).items():
                writer.delete_elements(nft_layout.EMPTY, group_set(change.group, form), elements)
            for form, elements in elements_by_form(change.group, change.added).items():
                writer.add_elements(nft_layout.EMPTY, group_set(change.group, form), elements)
        for group in delta.gone_groups:
            _remove_group(writer, after, group)
        ports: dict[str, PortSources | None] = dict.fromkeys(retire)
        ports |= {port.interface: port for port in admit}
        _guard(writer, _changes(self._ports, ports))
        transactions = [each.transaction() for each in (writer, after)]
        batch = NftBatch(tuple(each for each in transactions if each is not None), writer.elements)
        applied = self._handle.apply(batch)
        _settle(self._identities, delta.identities)
        _settle(self._pods, delta.pods)
        _settle(self._ports, ports)
        return applied


def _host_number(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)


def _add_group(writer: BatchWriter, group: VerdictGroup) -> None:
    elements = elements_by_form(group, group.allows)
    chain = group_chain(group)
    writer.add_chain(nft_layout.EMPTY, chain)
    for form in sorted(group.forms):
        made = group_set(group, form)
        writer.add_set(nft_layout.EMPTY, made)
        if form in elements:
            writer.add_elements(nft_layout.EMPTY, made, elements[form])
    for each in chain.rules:
        writer.add_rule(nft_layout.EMPTY, chain.name, each)


def _remove_group(writer: BatchWriter, after: BatchWriter, group: VerdictGroup) -> None:
    writer.flush_chain(nft_layout.EMPTY, group.name)
    for form in sorted(group.forms):
        writer.delete_set(nft_layout.EMPTY, group_set(group, form).name)
    after.delete_chain(nft_layout.EMPTY, group.name)


def _changes(have: Mapping[K, V], changes: Mapping[K, V | None]) -> tuple[dict[K, V], dict[K, V]]:
    """What goes, as it is now, and what comes."""
    going = {key: have[key] for key in changes if key in have}
    coming = {key: value for key, value in changes.items() if value is not None}
    return going, coming


def _exchange(
    writer: BatchWriter,
    sets: Mapping[Family, Set],
    elements: Callable[[Mapping[IPAddress, V]], dict[Family, list[Element]]],
    changes: tuple[Mapping[IPAddress, V], Mapping[IPAddress, V]],
) -> None:
    """Elements of what goes and of what comes, by family."""
    going, coming = (elements(each) for each in changes)
    for family, each in sets.items():
        _replace(writer, nft_layout.EMPTY, each, (going.get(family, []), coming.get(family, [])))


def _guard(writer: BatchWriter, changes: tuple[Mapping[str, PortSources], Mapping[str, PortSources]]) -> None:
    pairs = ((guard.SOURCES4, guard.elements4), (guard.SOURCES6, guard.elements6))
    for each, elements in pairs:
        going, coming = ([e for port in ports.values() for e in elements(port)] for ports in changes)
        _replace(writer, guard.EMPTY, each, (going, coming))


def _replace(
    writer: BatchWriter, table: Table, each: Set, elements: tuple[list[Element], list[Element]]
) -> None:
    """Delete the elements that go and add those that come, where they are not the same."""
    old, new = ({element.key: element for element in some} for some in elements)
    gone = [element for key, element in old.items() if new.get(key) != element]
    fresh = [element for key, element in new.items() if old.get(key) != element]
    if gone:
        writer.delete_elements(table, each, gone)
    if fresh:
        writer.add_elements(table, each, fresh)


def _settle(table: dict[K, V], changes: Mapping[K, V | None]) -> None:
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
