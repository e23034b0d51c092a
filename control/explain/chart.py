"""The lab as a picture: the internet, the fabric, nodes with their bridges, pods; links with their state. Pure.

Nodes with many pods collapse to a box a workload, so that a hundred pods stay readable.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

PODS_SHOWN = 12
"""A node with more pods shows workloads instead."""
_NODE_WIDTH, _POD_WIDTH, _POD_HEIGHT, _GAP, _HEAD = 330, 148, 38, 8, 74
_NODES_IN_ROW, _MARGIN = 4, 28
_FABRIC_Y, _INTERNET_Y, _NODES_Y, _ROW_GAP = 118, 30, 178, 58
_UP, _DOWN, _INK, _SOFT = "#2da44e", "#cf222e", "#1f2328", "#656d76"


@dataclass(frozen=True, slots=True)
class PodBox:
    """One pod. key: ``namespace/name``; workload: whose pod it is. up: its link carries."""

    key: str
    workload: str
    addresses: tuple[str, ...]
    up: bool = True


@dataclass(frozen=True, slots=True)
class NodeBox:
    """One node. ranges: of its pods. up: its cable carries at both ends. ready: as the API has it."""

    name: str
    addresses: tuple[str, ...]
    ranges: tuple[str, ...]
    pods: tuple[PodBox, ...]
    up: bool = True
    ready: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """All of it. overlay: vxlan or direct. internet: its address on the fabric; up: its cable."""

    lab: str
    overlay: str
    nodes: tuple[NodeBox, ...]
    internet: str
    internet_up: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """A packet's way over the chart: places in order (``shop/web``, ``node-1``, ``fabric``, ``internet``).

    title: what was asked. delivered: it arrived; else it ended at the last place.
    """

    places: tuple[str, ...]
    title: str
    delivered: bool


_FABRIC = "fabric"
Point = tuple[float, float]


@dataclass(slots=True)
class _Drawing:
    parts: list[str] = field(default_factory=list)
    anchors: dict[str, Point] = field(default_factory=dict)
    width: float = 0
    height: float = 0


def svg(chart: Chart, way: Way | None = None) -> str:
    """One self-contained SVG file."""
    drawing = _Drawing()
    rows = [chart.nodes[at : at + _NODES_IN_ROW] for at in range(0, len(chart.nodes), _NODES_IN_ROW)]
    columns = max((len(row) for row in rows), default=1)
    drawing.width = 2 * _MARGIN + columns * _NODE_WIDTH + (columns - 1) * _GAP * 3
    _backbone(drawing, chart)
    top: float = _NODES_Y
    for row in rows:
        height = max(_height(node) for node in row)
        for column, node in enumerate(row):
            left = _MARGIN + column * (_NODE_WIDTH + 3 * _GAP)
            _node(drawing, node, left, top, height)
        top += height + _ROW_GAP
    drawing.height = top - _ROW_GAP + _MARGIN
    if way is not None:
        drawing.parts += _way(way, drawing.anchors)
        drawing.height += 26
        colour = _UP if way.delivered else _DOWN
        drawing.parts.append(_text(_MARGIN, drawing.height - 16, way.title, colour, bold=True))
    size = f'width="{drawing.width:g}" height="{drawing.height:g}"'
    box = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="sans-serif" font-size="12">'
    return (
        "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *drawing.parts, "</svg>"]) + "\n"
    )


def _backbone(drawing: _Drawing, chart: Chart) -> None:
    """The internet, the fabric, and the cable between them."""
    middle = drawing.width / 2
    drawing.anchors |= {"internet": (middle, _INTERNET_Y + 18), _FABRIC: (middle, _FABRIC_Y)}
    drawing.parts += [
        _line((middle, _INTERNET_Y + 36), (middle, _FABRIC_Y), up=chart.internet_up),
        f'<rect x="{middle - 110:g}" y="{_INTERNET_Y}" width="220" height="36" rx="18" fill="#ddf4ff" stroke="#54aeff"/>',
        _text(middle, _INTERNET_Y + 22, f"internet  {chart.internet}", _INK, middle=True, bold=True),
        f'<rect x="{_MARGIN}" y="{_FABRIC_Y - 5}" width="{drawing.width - 2 * _MARGIN:g}" height="10" rx="5" '
        f'fill="#d0d7de"/>',
        _text(_MARGIN, _FABRIC_Y - 12, f"fabric of lab {chart.lab}, overlay {chart.overlay}", _SOFT),
    ]


def _boxes(node: NodeBox) -> list[tuple[str, str, bool, tuple[str, ...]]]:
    """What stands in a node: title, second line, state, and the pods that a box stands for."""
    if len(node.pods) <= PODS_SHOWN:
        return [(pod.key, ", ".join(pod.addresses[:1]), pod.up, (pod.key,)) for pod in node.pods]
    by_workload: dict[str, list[PodBox]] = {}
    for pod in node.pods:
        by_workload.setdefault(pod.workload, []).append(pod)
    return [
        (workload, f"{len(pods)} pods", all(pod.up for pod in pods), tuple(pod.key for pod in pods))
        for workload, pods in sorted(by_workload.items())
    ]


def _height(node: NodeBox) -> float:
    lines = (len(_boxes(node)) + 1) // 2
    return _HEAD + lines * (_POD_HEIGHT + _GAP) + 10


def _node(drawing: _Drawing, node: NodeBox, left: float, top: float, height: float) -> None:
    middle, bridge = left + _NODE_WIDTH / 2, top + _HEAD - 12
    drawing.anchors[node.name] = (middle, bridge)
    edge = "#d0d7de" if node.ready else _DOWN
    state = "" if node.ready else "  NotReady"
    drawing.parts += [
        _line((middle, _FABRIC_Y + 5), (middle, top), up=node.up),
        f'<rect x="{left:g}" y="{top:g}" width="{_NODE_WIDTH}" height="{height:g}" rx="8" fill="#f6f8fa" stroke="{edge}"/>',
        _text(left + 12, top + 20, f"{node.name}{state}", _INK if node.ready else _DOWN, bold=True),
        _text(left + 12, top + 37, "eth0  " + ", ".join(node.addresses), _SOFT),
        _text(left + 12, top + 53, "cni0  " + ", ".join(node.ranges), _SOFT),
        f'<rect x="{left + 12:g}" y="{bridge - 3:g}" width="{_NODE_WIDTH - 24}" height="6" rx="3" fill="#afb8c1"/>',
    ]
    for number, (title, below, up, keys) in enumerate(_boxes(node)):
        x = left + 12 + (number % 2) * (_POD_WIDTH + 10)
        y = top + _HEAD + (number // 2) * (_POD_HEIGHT + _GAP)
        drawing.anchors |= dict.fromkeys(keys, (x + _POD_WIDTH - 12, y + _POD_HEIGHT - 12))
        drawing.parts += [
            f'<rect x="{x:g}" y="{y:g}" width="{_POD_WIDTH}" height="{_POD_HEIGHT}" rx="5" fill="white" '
            f'stroke="{_UP if up else _DOWN}"><title>{escape(", ".join(keys))}</title></rect>',
            _text(x + 8, y + 16, _shortened(title, 20), _INK),
            _text(x + 8, y + 31, below, _SOFT),
        ]


def _way(way: Way, anchors: Mapping[str, Point]) -> Iterator[str]:
    """The line through the places, numbered, with an arrow or a cross at its end."""
    stops = [(place, anchors[place]) for place in way.places if place in anchors]
    if not stops:
        return
    points = list(_cabled(stops))
    colour = "#1f6feb" if way.delivered else _DOWN
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="3" stroke-opacity="0.75" stroke-linejoin="round"/>'
    for number, (x, y) in enumerate(_spread([point for _, point in stops]), start=1):
        yield f'<circle cx="{x:g}" cy="{y:g}" r="9" fill="{colour}"/>'
        yield _text(x, y + 4, str(number), "white", middle=True, bold=True)
    if not way.delivered:
        x, y = stops[-1][1]
        yield f'<path d="M{x - 16:g},{y - 16:g}l32,32m0,-32l-32,32" stroke="{_DOWN}" stroke-width="4" fill="none"/>'


def _cabled(stops: Sequence[tuple[str, Point]]) -> Iterator[Point]:
    """The stops with corners, so that the line follows the cables: up to the fabric, along it, and down."""
    for index, (place, (x, y)) in enumerate(stops):
        if place != _FABRIC:
            yield x, y
            continue
        if index:
            yield stops[index - 1][1][0], y
        if index + 1 < len(stops):
            yield stops[index + 1][1][0], y


def _spread(points: Sequence[Point]) -> Iterator[Point]:
    """Numbers at one place stand side by side."""
    seen: dict[Point, int] = {}
    for x, y in points:
        count = seen.get((x, y), 0)
        seen[x, y] = count + 1
        yield x + 20 * count, y


def _line(start: Point, end: Point, *, up: bool) -> str:
    dash = "" if up else ' stroke-dasharray="4 5"'
    return (
        f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" '
        f'stroke="{_UP if up else _DOWN}" stroke-width="2"{dash}/>'
    )


def _text(x: float, y: float, text: str, colour: str, *, middle: bool = False, bold: bool = False) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}"{anchor}{weight}>{escape(text)}</text>'


def _shortened(text: str, most: int) -> str:
    """The end of a name tells more than its beginning."""
    return text if len(text) <= most else f"…{text[-most + 1 :]}"


def places_of(links: Iterable[str]) -> tuple[str, ...]:
    """Places of a packet's sightings in order, each stay once.

    >>> places_of(["a", "a", "node-1", "node-1", "fabric", "node-1"])
    ('a', 'node-1', 'fabric', 'node-1')
    """
    found: list[str] = []
    for place in links:
        if not found or found[-1] != place:
            found.append(place)
    return tuple(found)
