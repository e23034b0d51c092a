"""Completion indexes of an Indexed Job, and their short form in its status."""

from collections.abc import Iterable

from control.controllers.metadata import Object, annotations_of

INDEX = "batch.kubernetes.io/job-completion-index"


def index_of(pod: Object) -> int | None:
    """The completion index that a pod works on, None when it has none."""
    text = annotations_of(pod).get(INDEX, "")
    return int(text) if text.isdigit() else None


def parse_indexes(text: str) -> set[int]:
    """Indexes from their short form.

    >>> sorted(parse_indexes("0,3-5"))
    [0, 3, 4, 5]
    """
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def format_indexes(indexes: Iterable[int]) -> str:
    """The short form; only runs of three and more get a dash.

    >>> format_indexes({0, 1, 3, 4, 5})
    '0,1,3-5'
    """
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    parts = []
    for run in runs:
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(index) for index in run]
    return ",".join(parts)
