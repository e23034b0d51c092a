"""Lines of benches as a table: for a terminal, as Markdown for the documentation, as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from tests.bench.harness import Budget, Line, Sample

HEAD = ("row", "measured", "value", "floor", "ratio", "budget", "")


def number(value: float) -> str:
    """Three figures that say something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def with_spread(sample: Sample, unit: str) -> str:
    """The median, and from where to where when it was measured more than once."""
    text = f"{number(sample.median)} {unit}"
    if len(sample.values) == 1:
        return text
    low, high = sample.spread
    return f"{text} ({number(low)}-{number(high)})"


def promised(budget: Budget, unit: str, *, better: str) -> str:
    """A budget in words."""
    bound = "≤" if better == "lower" else "≥"
    return f"{bound} {number(budget.limit)} {'of floor' if budget.of == 'ratio' else unit}"


def verdict(line: Line) -> str:
    """met, or by how much it is missed."""
    if line.missed_by is None:
        return ""
    return "met" if line.missed_by == 0 else f"missed by {line.missed_by * 100:.0f} %"


def cells(line: Line) -> tuple[str, ...]:
    """As HEAD has it."""
    floor = with_spread(line.floor, line.unit) if line.floor is not None else ""
    return (
        line.row,
        line.what,
        with_spread(line.value, line.unit),
        f"{floor}: {line.floor_is}" if floor and line.floor_is else floor or "-",
        number(line.ratio) if line.ratio is not None else "-",
        promised(line.budget, line.unit, better=line.better) if line.budget is not None else "-",
        verdict(line),
    )


def as_markdown(lines: Sequence[Line], machine: str) -> str:
    """A table, the notes below it."""
    rows = [HEAD, ("---",) * len(HEAD), *map(cells, lines)]
    table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    return f"{table}\n\n{machine}\n{_notes(lines, '- ')}"


def as_text(lines: Sequence[Line], machine: str) -> str:
    """For a terminal: a line each, what it is compared with below it."""
    found = [machine, ""]
    for line in lines:
        _, what, value, floor, ratio, limit, met = cells(line)
        found.append(f"{line.row:10} {what}")
        against = "" if line.floor is None else f"   floor {floor}   ratio {ratio}"
        bound = "" if line.budget is None else f"   budget {limit}: {met}"
        found.append(f"{'':10} {value}{against}{bound}")
    return "\n".join(found) + "\n" + _notes(lines, "  ")


def as_json(lines: Sequence[Line], machine: str) -> str:
    """All figures."""
    return json.dumps({"machine": machine, "lines": [_object(line) for line in lines]}, indent=2) + "\n"


def _object(line: Line) -> dict[str, Any]:
    low, high = line.value.spread
    return {
        "row": line.row, "what": line.what, "unit": line.unit, "better": line.better,
        "value": line.value.median, "low": low, "high": high, "values": list(line.value.values),
        "floor": line.floor.median if line.floor is not None else None,
        "floors": list(line.floor.values) if line.floor is not None else [],
        "floorIs": line.floor_is, "ratio": line.ratio,
        "budget": {"limit": line.budget.limit, "of": line.budget.of} if line.budget is not None else None,
        "missedBy": line.missed_by, "note": line.note,
    }  # fmt: skip


def _notes(lines: Sequence[Line], bullet: str) -> str:
    notes = [f"{bullet}{line.row}, {line.what}: {line.note}" for line in lines if line.note]
    return "\n" + "\n".join(notes) + "\n" if notes else ""
