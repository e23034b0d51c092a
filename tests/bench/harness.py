"""What all benches share: samples, pairs that alternate, and the line of the table that comes of them."""

import statistics
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Better = Literal["lower", "higher"]


class BenchFailed(Exception):
    """A bench could not be carried out; says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one quantity, as measured, in order."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, *values: float) -> "Sample":
        """From values."""
        return cls(values)

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the most."""
        return min(self.values), max(self.values)


@dataclass(frozen=True, slots=True)
class Budget:
    """What design.md promises. of: the value itself, or its ratio to the floor. limit: what it may reach at the most
    (or must at the least, where higher is better)."""

    limit: float
    of: Literal["value", "ratio"] = "value"


@cache
def budget(name: str) -> Budget:
    """One of budgets.toml."""
    listed = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
    return Budget(**listed[name])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    floor: what the kernel or a peer takes for the same, in the same run and unit; None where there is none.
    """

    row: str
    what: str
    value: Sample
    unit: str
    better: Better = "lower"
    floor: Sample | None = None
    floor_is: str = ""
    budget: Budget | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value by floor, medians; None without a floor."""
        if self.floor is None or not self.floor.median:
            return None
        return self.value.median / self.floor.median

    @property
    def missed_by(self) -> float | None:
        """0 when the budget is met, else the part of it that is missing (0.5: half as much again is needed).

        None without a budget, or when the budget is a ratio and there is no floor.
        """
        if self.budget is None:
            return None
        reached = self.value.median if self.budget.of == "value" else self.ratio
        if reached is None:
            return None
        over = (
            reached / self.budget.limit if self.better == "lower" else self.budget.limit / max(reached, 1e-12)
        )
        return max(0.0, over - 1.0)


def pairs(ours: Callable[[], float], floor: Callable[[], float], turns: int) -> tuple[Sample, Sample]:
    """Both measured in turn, so that what disturbs the machine disturbs both; each goes first every other time."""
    values: list[float] = []
    floors: list[float] = []
    for turn in range(turns):
        order = ((ours, values), (floor, floors))
        for measure, into in order if turn % 2 == 0 else reversed(order):
            into.append(measure())
    return Sample(tuple(values)), Sample(tuple(floors))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which this part of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


@dataclass(frozen=True, slots=True)
class Bench:
    """One row of `scripts/bench`.

    about: for --list. takes_s: about. measure: its lines. profile: for --profile, text for people; None: it has none.
    """

    name: str
    about: str
    takes_s: int
    measure: Callable[[], list[Line]]
    profile: Callable[[], str] | None = None
