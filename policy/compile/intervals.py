"""Ranges made disjoint: a kernel's interval set refuses elements that overlap.

Each range keeps the origin of the first rule that asked for (part of) it.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

from dataplane.model.address import IPAddress
from dataplane.model.origin import Origin
from dataplane.model.verdict import AddressRange, Allowance, PortRange
from policy.model import BlockPeer

Span = tuple[int, int, Origin]
"""First and last, both included, and who asked."""


def block_ranges(block: BlockPeer) -> tuple[AddressRange, ...]:
    """The addresses of an ipBlock less its excepts, ascending and disjoint."""
    spans = [(int(block.cidr[0]), int(block.cidr[-1]))]
    for hole in sorted(block.excepts, key=lambda network: int(network[0])):
        first, last = int(hole[0]), int(hole[-1])
        spans = [part for span in spans for part in _without(span, first, last)]
    return tuple(AddressRange(_address(block, a), _address(block, b)) for a, b in spans)


def _without(span: tuple[int, int], first: int, last: int) -> Iterator[tuple[int, int]]:
    if last < span[0] or first > span[1]:
        yield span
        return
    if span[0] < first:
        yield span[0], first - 1
    if last < span[1]:
        yield last + 1, span[1]


def _address(block: BlockPeer, number: int) -> IPAddress:
    return type(block.cidr[0])(number)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Their union: ascending, disjoint, and no two that touch."""
    out: list[Span] = []
    for first, last, origin in sorted(spans, key=lambda span: span[:2]):
        if out and first <= out[-1][1] + 1:
            before = out[-1]
            out[-1] = (before[0], max(before[1], last), before[2])
        else:
            out.append((first, last, origin))
    return out


def disjoint(allows: Mapping[Allowance, Origin]) -> dict[Allowance, Origin]:
    """The same allowances where no two ranges of a form overlap; what has no range stays as it is."""
    out: dict[Allowance, Origin] = {}
    ports: dict[tuple[int | None, int], list[Span]] = {}
    blocks: dict[int, list[Span]] = {}
    boxes: dict[tuple[int, int], list[tuple[AddressRange, Span]]] = {}
    for allowance, origin in allows.items():
        peer, on = allowance
        if isinstance(peer, AddressRange):
            version = int(peer.first.version)
            if on is None:
                blocks.setdefault(version, []).append((int(peer.first), int(peer.last), origin))
            else:
                box = (peer, (on.first, on.last, origin))
                boxes.setdefault((version, on.protocol), []).append(box)
        elif on is not None and on.first != on.last:
            ports.setdefault((peer, on.protocol), []).append((on.first, on.last, origin))
        else:
            out[allowance] = origin
    for (identity, protocol), spans in ports.items():
        for first, last, origin in merged(spans):
            out[Allowance(identity, PortRange(protocol, first, last))] = origin
    for version, spans in blocks.items():
        for first, last, origin in merged(spans):
            out[Allowance(_range(version, first, last), None)] = origin
    for (version, protocol), found in boxes.items():
        for first, last, port_span in _disjoint_boxes(found):
            on = PortRange(protocol, port_span[0], port_span[1])
            out[Allowance(_range(version, first, last), on)] = port_span[2]
    return out


def _range(version: int, first: int, last: int) -> AddressRange:
    kind = IPv4Address if version == 4 else IPv6Address
    return AddressRange(kind(first), kind(last))


def _disjoint_boxes(boxes: list[tuple[AddressRange, Span]]) -> Iterator[tuple[int, int, Span]]:
    """Addresses by ports, cut at every edge of an address range; neighbours with the same ports joined."""
    edges = sorted({int(b.first) for b, _ in boxes} | {int(b.last) + 1 for b, _ in boxes})
    open_spans: dict[Span, int] = {}
    for first, after in pairwise(edges):
        here = merged(span for b, span in boxes if int(b.first) <= first and after - 1 <= int(b.last))
        for span in [span for span in open_spans if span not in here]:
            yield open_spans.pop(span), first - 1, span
        for span in here:
            open_spans.setdefault(span, first)
    for span, first in open_spans.items():
        yield first, edges[-1] - 1, span
