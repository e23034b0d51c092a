"""The report on a terminal: who reaches which Service, the calls, what is wrong, one line of figures."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from control.verify.observation import Observation
from control.verify.pairs import TargetKind
from control.verify.report import CallResult, VerifyReport

_GREEN, _RED, _YELLOW, _DIM, _BOLD, _PLAIN = "32", "31;1", "33", "2", "1", "0"
_SIGNS = {
    "open": ("+", _GREEN),
    "blocked": ("-", _DIM),
    "unreachable": ("-", _DIM),
    "refused": ("o", _YELLOW),
    "mixed": ("~", _YELLOW),
}
_LEGEND = "+ open   - blocked   o refused: nobody listens   ~ some of them   ? not tried   X not as the policies say"


def render(report: VerifyReport, *, colour: bool, width: int = 100) -> str:
    """Text for people. width: columns of the terminal."""
    paint = _painted if colour else _unpainted
    parts = [*_table(report.observations, width, colour=colour), *_direct(report.observations)]
    parts += _calls(report.calls, colour=colour)
    mismatches = report.mismatches
    if mismatches:
        parts.append(paint(f"{len(mismatches)} not as the policies say", _RED))
        parts += [f"  {each}" for each in mismatches]
        parts.append("")
    parts.append(paint(report.summary, _RED if mismatches else _GREEN))
    return "\n".join(parts) + "\n"


def _table(observations: Sequence[Observation], width: int, *, colour: bool) -> Iterator[str]:
    """Rows: workloads. Columns: Services' ports, by name when they fit, else by number and a list."""
    paint = _painted if colour else _unpainted
    kinds = (TargetKind.SERVICE, TargetKind.OUTSIDE)
    shown = [each for each in observations if each.pair.target.kind in kinds]
    if not shown:
        return
    rows = sorted({each.pair.source.workload for each in shown})
    columns = list(dict.fromkeys(each.pair.target.name for each in shown))
    short = _shortener([*rows, *columns])
    cells: dict[tuple[str, str], list[Observation]] = {}
    for each in shown:
        cells.setdefault((each.pair.source.workload, each.pair.target.name), []).append(each)
    left = max(len(short(row)) for row in rows) + 2
    heads = [short(column) for column in columns]
    if left + sum(len(head) + 2 for head in heads) > width:
        yield paint("Services", _BOLD)
        yield from (f"  {number:>3}  {head}" for number, head in enumerate(heads, start=1))
        yield ""
        heads = [str(number) for number in range(1, len(heads) + 1)]
    gap = max(2, max(len(head) for head in heads) - 1 if len(heads[0]) < 4 else 2)
    yield " " * left + (" " * gap).join(heads)
    for row in rows:
        line = short(row).ljust(left)
        for column, head in zip(columns, heads, strict=True):
            sign, code = _sign(cells.get((row, column), []))
            pad = (len(head) - 1) // 2
            line += " " * pad + paint(sign, code) + " " * (len(head) - pad - 1 + gap)
        yield line.rstrip()
    yield paint(_LEGEND, _DIM)
    yield ""


def _shortener(names: Iterable[str]) -> "_Short":
    namespaces = {name.partition("/")[0] for name in names if "/" in name}
    return _Short(next(iter(namespaces)) + "/" if len(namespaces) == 1 else "")


class _Short:
    """Leaves the namespace out where there is only one."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __call__(self, name: str) -> str:
        return name.removeprefix(self._prefix) if self._prefix else name


def _sign(pairs: Sequence[Observation]) -> tuple[str, str]:
    if any(each.mismatch for each in pairs):
        return "X", _RED
    words = {each.word for each in pairs}
    if len(words) == 1:
        return _SIGNS.get(words.pop(), ("?", _YELLOW))
    return _SIGNS["mixed"] if words else ("?", _DIM)


def _direct(observations: Sequence[Observation]) -> Iterator[str]:
    """Pods' own ports, in one line: they are many, and a Service's column mostly says the same."""
    pods = [each for each in observations if each.pair.target.kind is TargetKind.POD]
    if pods:
        words = Counter(each.word for each in pods)
        said = ", ".join(f"{count} {word}" for word, count in words.most_common())
        yield f"pods' own ports: {len(pods)} pairs, {said}"
    doors = [each for each in observations if each.pair.target.kind is TargetKind.NODE_PORT]
    if doors:
        said = ", ".join(
            f"{count} {word}" for word, count in Counter(each.word for each in doors).most_common()
        )
        yield f"NodePorts from the internet: {len(doors)} pairs, {said}"
    if pods or doors:
        yield ""


def _calls(calls: Sequence[CallResult], *, colour: bool) -> Iterator[str]:
    if not calls:
        return
    paint = _painted if colour else _unpainted
    words = Counter(each.call.word for each in calls)
    yield f"calls that the containers' environment names: {', '.join(f'{n} {w}' for w, n in words.most_common())}"
    short = _shortener([each.call.edge.source.workload for each in calls])
    left = max(len(short(each.call.edge.source.workload)) for each in calls)
    for each in calls:
        code = _RED if each.mismatch else _SIGNS.get(each.call.word, ("", _YELLOW))[1]
        note = "" if each.call.word == "open" else f"  {each.expected.reason}"
        word = paint(each.call.word, code)
        yield f"  {short(each.call.edge.source.workload).ljust(left)} → {each.call.edge.upstream}  {word}{note}"
    yield ""


def _painted(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[{_PLAIN}m"


def _unpainted(text: str, _code: str) -> str:
    return text
