"""Services in one node's nf_tables: at start the difference to what the kernel has, then only what changes."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from dataplane.nft.batch import BatchWriter, NftBatch
from dataplane.nft.diff import diff
from dataplane.nft.element import Element
from dataplane.nft.handle import NftHandle
from dataplane.nft.ruleset import RulesetState
from dataplane.services.contract import Ports, ServiceNode, Synced
from dataplane.services.nft_entries import Entries, Entry, entries
from dataplane.services.nft_layout import FAMILY, NAME, SIDES, skeleton, spread_chain
from dataplane.services.places import keep_places, places_in_kernel, places_of
from dataplane.services.stale import Conntrack, doors_changed

_Place = tuple[str, bytes]
"""A set's name and an element's key."""
_Elements = dict[_Place, Element]


def ruleset(want: Mapping[str, Ports], node: ServiceNode) -> RulesetState:
    """The whole table for these Services."""
    return _table([entries(port, node) for ports in want.values() for port in ports], node)


def _table(compiled: Iterable[Entries], node: ServiceNode, more: Iterable[str] = ()) -> RulesetState:
    elements: dict[str, dict[bytes, Element]] = {}
    spreads = set(more)
    for each in compiled:
        spreads |= each.spreads
        for name, element in (*each.own, *each.hairpin):
            elements.setdefault(name, {})[element.key] = element
    table = skeleton(node, spreads)
    sets = [replace(each, elements=elements.get(each.name, each.elements)) for each in table.sets]
    return RulesetState((replace(table, sets=tuple(sets)),))


class NftServices:
    """ServiceBackend on nftables. Not for use by two threads at once.

    handle: of the node's namespace; stays the caller's to close.
    """

    def __init__(self, handle: NftHandle, node: ServiceNode) -> None:
        self._handle = handle
        self._node = node
        self._conntrack = Conntrack(handle.netns)
        self._table = skeleton(node)
        self._ports: dict[str, Ports] = {}
        self._entries: dict[str, list[Entries]] = {}
        self._hairpin: Counter[_Place] = Counter()
        self._spreads: set[str] = set()

    def close(self) -> None:
        """Let the conntrack socket go; the rules stay."""
        self._conntrack.close()

    @property
    def state(self) -> RulesetState:
        """What the kernel has, as far as this object did it."""
        compiled = [each for group in self._entries.values() for each in group]
        return _table(compiled, self._node, self._spreads)

    @property
    def ports(self) -> Mapping[str, Ports]:
        """The Services that are in force, endpoints in the order of their numbers."""
        return self._ports

    def start(self, want: Mapping[str, Ports]) -> Synced:
        """See ServiceBackend. Reads the kernel, compiles everything, applies the difference."""
        with _no_collector():
            return self._start(want)

    def _start(self, want: Mapping[str, Ports]) -> Synced:
        have = self._handle.dump(FAMILY, NAME)
        want = self._in_place(want, have)
        compiled = {service: self._compile(ports) for service, ports in want.items()}
        every = [each for group in compiled.values() for each in group]
        applied = self._handle.apply(diff(have, _table(every, self._node)))
        self._ports, self._entries = dict(want), compiled
        self._hairpin = Counter(_place(entry) for each in every for entry in each.hairpin)
        self._spreads = {name for each in every for name in each.spreads}
        stale = self._conntrack.forget(doors_changed({}, want, self._node))
        return Synced(len(want), applied.elements, stale, applied.microseconds)

    def replace(self, changed: Mapping[str, Ports]) -> Synced:
        """See ServiceBackend. After a RulesetRejected nothing has changed, in the kernel or here."""
        changed = {
            service: keep_places(ports, places_of(self._ports.get(service, ())))
            for service, ports in changed.items()
        }
        compiled = {service: self._compile(ports) for service, ports in changed.items()}
        old = [each for service in changed for each in self._entries.get(service, ())]
        new = [each for group in compiled.values() for each in group]
        gone, come = _by_place(old), _by_place(new)
        counts = Counter(_place(entry) for each in new for entry in each.hairpin)
        counts.subtract(_place(entry) for each in old for entry in each.hairpin)
        self._add_hairpin(counts, gone, come)
        for place in [place for place, element in come.items() if gone.get(place) == element]:
            del gone[place], come[place]
        spreads = {name for each in new for name in each.spreads} - self._spreads
        applied = self._handle.apply(self._write(gone, come, spreads))
        have = {service: self._ports.get(service, ()) for service in changed}
        self._remember(changed, compiled, counts)
        self._spreads |= spreads
        stale = self._conntrack.forget(doors_changed(have, changed, self._node))
        return Synced(len(changed), applied.elements, stale, applied.microseconds)

    @staticmethod
    def _in_place(want: Mapping[str, Ports], have: RulesetState) -> dict[str, Ports]:
        """Endpoints with the numbers that the kernel has for them."""
        before: dict[bytes, list[bytes]] = {}
        table = have.table(FAMILY, NAME)
        for side in SIDES.values() if table is not None else ():
            there = table.set_by_name.get(side.endpoints.name) if table is not None else None
            before |= places_in_kernel(there.elements) if there is not None else {}
        return {service: keep_places(ports, before) for service, ports in want.items()}

    def _compile(self, ports: Ports) -> list[Entries]:
        return [entries(port, self._node) for port in ports]

    def _add_hairpin(self, counts: Counter[_Place], gone: _Elements, come: _Elements) -> None:
        """An endpoint's hairpin element is there as long as one Service has the endpoint."""
        for place, by in counts.items():
            before = self._hairpin[place]
            if not before and by > 0:
                come[place] = Element(place[1])
            elif before and before + by <= 0:
                gone[place] = Element(place[1])

    def _write(self, gone: _Elements, come: _Elements, spreads: Iterable[str]) -> NftBatch:
        """Drawing chains first, as elements refer to them; they stay when no Service needs them any more."""
        writer = BatchWriter()
        for name in sorted(spreads):
            chain = spread_chain(self._node, name)
            writer.add_chain(self._table, chain)
            for rule in chain.rules:
                writer.add_rule(self._table, name, rule)
        for each in self._table.sets:
            for elements, write in ((gone, writer.delete_elements), (come, writer.add_elements)):
                chosen = [element for (name, _key), element in elements.items() if name == each.name]
                if chosen:
                    write(self._table, each, chosen)
        return writer.batch()

    def _remember(
        self, changed: Mapping[str, Ports], compiled: Mapping[str, list[Entries]], counts: Counter[_Place]
    ) -> None:
        for service, ports in changed.items():
            if ports:
                self._ports[service], self._entries[service] = ports, compiled[service]
            else:
                self._ports.pop(service, None)
                self._entries.pop(service, None)
        for place, by in counts.items():
            self._hairpin[place] += by
            if self._hairpin[place] <= 0:
                del self._hairpin[place]


@contextmanager
def _no_collector() -> Iterator[None]:
    """A full start makes objects by the ten thousand, all to stay; walking them again and again took 40 %."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _place(entry: Entry) -> _Place:
    return entry[0], entry[1].key


def _by_place(compiled: Iterable[Entries]) -> _Elements:
    return {_place(entry): entry[1] for each in compiled for entry in each.own}
