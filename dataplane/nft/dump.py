"""What the kernel has, read back into values."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from dataplane.nft import datatype, wire
from dataplane.nft.compiled import Compiled
from dataplane.nft.datatype import DataType
from dataplane.nft.element import Element, Key, comment_of
from dataplane.nft.instruction import VerdictCode
from dataplane.nft.ruleset import FAMILIES, HOOKS, Chain, Hook, Rule, Set, Table
from dataplane.nft.statement import Verdict
from dataplane.nft.wire import Msg, as_text, as_u32, attribute_map, attributes

Ask = Callable[[Msg, int, bytes], list[bytes]]
"""Dump request: message, family, attributes → each answer's attributes. Empty when there is no such thing."""

_SET_ANONYMOUS, _SET_INTERVAL, _SET_MAP = 0x1, 0x4, 0x8
_VERDICT_TYPE = 0xFFFFFF00
_SET_COUNT = 20
_LISTINGS, _GROWING_S = 200, 0.005
_INTERVAL_END = 1
_HOOK_NAMES = {number: name for name, number in HOOKS.items()}
_TYPES = {
    kind.number: kind for kind in vars(datatype).values() if isinstance(kind, DataType) and kind.number
} | {datatype.INTEGER.number: datatype.INTEGER}


def read_table(ask: Ask, family: str, name: str) -> Table | None:
    """One table with all that is in it; None when there is none."""
    number, chosen = FAMILIES[family], wire.text(1, name)
    if not any(as_text(attribute_map(each)[1]) == name for each in ask(Msg.GETTABLE, number, b"")):
        return None
    rules: dict[str, list[Rule]] = {}
    for answer in ask(Msg.GETRULE, number, chosen):
        parts = attribute_map(answer)
        rules.setdefault(as_text(parts[2]), []).append(_rule(parts))
    chains = []
    for answer in ask(Msg.GETCHAIN, number, chosen):
        parts = attribute_map(answer)
        if as_text(parts[1]) == name:
            chain = _chain(parts)
            chains.append(replace(chain, rules=tuple(rules.get(chain.name, ()))))
    sets = []
    for answer in ask(Msg.GETSET, number, chosen):
        parts = attribute_map(answer)
        if as_text(parts[1]) == name and not as_u32(parts.get(3, b"")) & _SET_ANONYMOUS:
            sets.append(_filled(ask, number, chosen, parts))
    return Table(family, name, tuple(sets), tuple(chains))


def read_chains(ask: Ask) -> list[tuple[str, str, Chain]]:
    """Every chain of the namespace with its rules: family, table, chain. Foreign tables too, no sets."""
    found = []
    for family, number in FAMILIES.items():
        rules: dict[tuple[str, str], list[Rule]] = {}
        for answer in ask(Msg.GETRULE, number, b""):
            parts = attribute_map(answer)
            rules.setdefault((as_text(parts[1]), as_text(parts[2])), []).append(_rule(parts))
        for answer in ask(Msg.GETCHAIN, number, b""):
            parts = attribute_map(answer)
            table, chain = as_text(parts[1]), _chain(parts)
            found.append((family, table, replace(chain, rules=tuple(rules.get((table, chain.name), ())))))
    return found


def _filled(ask: Ask, family: int, table: bytes, parts: dict[int, bytes]) -> Set:
    """A set with its elements.

    A hash set that is growing gives incomplete listings without saying so (seen on 6.18 after 50,000
    elements: 42,327), so it is asked until the kernel's own count (NFTA_SET_COUNT, 6.16 and later) is
    reached, or, on older kernels, until a listing brings nothing new.
    """
    each = _set(parts)
    expected = as_u32(parts[_SET_COUNT]) if _SET_COUNT in parts else None
    found: dict[bytes, Element] = {}
    for _attempt in range(_LISTINGS):
        before = len(found)
        lists = ask(Msg.GETSETELEM, family, table + wire.text(2, each.name))
        elements = _elements(each, lists)
        found.update({element.key + element.end: element for element in elements})
        if each.interval or len(found) == (before if expected is None else expected):
            break
        time.sleep(_GROWING_S)
    return replace(each, elements=found)


def _rule(parts: dict[int, bytes]) -> Rule:
    comment = comment_of(parts.get(7, b""))
    return Rule((Compiled(parts.get(4, b"")),), comment, int.from_bytes(parts[3], "big"))


def _chain(parts: dict[int, bytes]) -> Chain:
    hook = None
    if 4 in parts:
        inner = attribute_map(parts[4])
        priority = int.from_bytes(inner[2], "big", signed=True)
        policy = "accept" if as_u32(parts[5]) else "drop"
        hook = Hook(as_text(parts[7]), _HOOK_NAMES.get(as_u32(inner[1]), "ingress"), priority, policy)
    return Chain(as_text(parts[3]), hook=hook)


def _set(parts: dict[int, bytes]) -> Set:
    flags = as_u32(parts.get(3, b""))
    data_type = as_u32(parts.get(6, b""))
    verdicts = bool(flags & _SET_MAP) and data_type == _VERDICT_TYPE
    data = _key(data_type, as_u32(parts[7])) if flags & _SET_MAP and not verdicts else None
    key = _key(as_u32(parts.get(4, b"")), as_u32(parts[5]))
    return Set(as_text(parts[2]), key, data, verdicts, bool(flags & _SET_INTERVAL))


def _key(number: int, size: int) -> Key:
    """Types by nft's number: six bits a field. What nft gives no number to is an integer of what is left."""
    numbers = []
    rest = number
    while rest:
        numbers.append(rest & 0x3F)
        rest >>= 6
    types = [_TYPES.get(each, datatype.INTEGER) for each in reversed(numbers)]
    if len(types) <= 1 and (not types or types[0].size != size):
        name = types[0].name if types else "integer"
        return Key((DataType(name, number, size),))
    return Key(tuple(types))


def _elements(each: Set, lists: Iterable[bytes]) -> list[Element]:
    packed = [item for answer in lists for _kind, item in attributes(attribute_map(answer).get(3, b""))]
    if each.interval and not each.key.concatenated:
        return _ranges([attribute_map(item) for item in packed])
    return [_element(attribute_map(item)) for item in packed]


def _element(parts: dict[int, bytes]) -> Element:
    key = attribute_map(parts[1])[1]
    end = attribute_map(parts[10])[1] if 10 in parts else b""
    return Element(key, _data(parts.get(2, b"")), b"" if end == key else end, comment_of(parts.get(6, b"")))


def _data(value: bytes) -> bytes | Verdict:
    if not value:
        return b""
    parts = attribute_map(value)
    if 1 in parts:
        return parts[1]
    inner = attribute_map(parts[2])
    code = int.from_bytes(inner[1], "big", signed=True)
    return Verdict(VerdictCode(code), as_text(inner.get(2, b"")))


def _ranges(items: list[dict[int, bytes]]) -> list[Element]:
    """Starts and open ends of a simple interval set, back into ranges."""

    def place(parts: dict[int, bytes]) -> tuple[bytes, int]:
        return attribute_map(parts[1])[1], 0 if _is_end(parts) else 1

    ranges: list[Element] = []
    start: Element | None = None
    for parts in sorted(items, key=place):
        key = attribute_map(parts[1])[1]
        if start is not None:
            last = (int.from_bytes(key, "big") - 1).to_bytes(len(key), "big")
            ranges.append(replace(start, end=b"" if last == start.key else last))
        start = None if _is_end(parts) else _element(parts)
    if start is not None:
        last = b"\xff" * len(start.key)
        ranges.append(replace(start, end=b"" if last == start.key else last))
    return ranges


def _is_end(parts: dict[int, bytes]) -> bool:
    return bool(as_u32(parts.get(3, b"")) & _INTERVAL_END)
