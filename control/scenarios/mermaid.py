"""A recording as Mermaid, drawn as the reference document draws it, with the observed addresses. Pure."""

from collections.abc import Iterator
from itertools import groupby

from control.scenarios.engine import Recording, label


def mermaid(recording: Recording) -> str:
    """The picture. Only what was seen is in it; arrows that are missing are comments."""
    flow = recording.flow
    lines = [flow.chart]
    lines += _sequence(recording) if flow.chart == "sequenceDiagram" else _graph(recording)
    lines += [f"    %% {problem}" for problem in recording.problems()]
    return "\n".join(lines) + "\n"


def _graph(recording: Recording) -> Iterator[str]:
    for group, parts in groupby(recording.flow.parts, lambda part: part.group):
        indent = "    "
        if group:
            yield f'{indent}subgraph "{label(group, recording.facts)}"'
            indent = "        "
        for part in parts:
            yield f'{indent}{part.key}["{label(part.label, recording.facts)}"]'
        if group:
            yield "    end"
    for arrow, seen in recording.compared.pairs:
        text = label(arrow.label, {**recording.facts, **seen.facts})
        line = "-.->" if arrow.answer else "-->"
        yield (
            f'    {arrow.source} {line}|"{text}"| {arrow.target}'
            if text
            else (f"    {arrow.source} {line} {arrow.target}")
        )


def _sequence(recording: Recording) -> Iterator[str]:
    parts = recording.flow.parts
    for part in parts:
        yield f"    participant {part.key} as {label(part.label, recording.facts)}"
    for arrow, seen in recording.compared.pairs:
        facts = {**recording.facts, **seen.facts}
        if arrow.note:
            yield f"    Note over {parts[0].key},{parts[-1].key}: {label(arrow.note, facts)}"
        line = "-x" if arrow.dead else "-->>" if arrow.answer else "->>"
        text = label(arrow.label, facts).replace(";", ",")
        yield f"    {arrow.source}{line}{arrow.target}: {text}"
