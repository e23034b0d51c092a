"""The labs of a test run: one for each shape that a test asked for, brought up at the first that does."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from control.testkit.lab import Lab
from control.testkit.plugin import podwire


@dataclass(frozen=True, slots=True)
class Shape:
    """What ``@pytest.mark.podwire(...)`` says of a lab.

    workers: nodes beside the control plane; None for the run's default. overlay: ``vxlan`` or ``direct``.
    file: a lab.yaml, beside the test's file; it says everything, so the other two don't go with it.
    """

    workers: int | None = None
    overlay: str | None = None
    file: str | None = None

    @classmethod
    def of(cls, words: Mapping[str, Any], beside: Path, workers: int) -> "Shape":
        """The shape that a marker's words give. Raises pytest.UsageError for words that it does not know."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(words) - known):
            raise pytest.UsageError(
                f"@pytest.mark.podwire: no {', '.join(unknown)}; it takes {', '.join(sorted(known))}"
            )
        if "file" in words:
            if len(words) > 1:
                raise pytest.UsageError(
                    "@pytest.mark.podwire: file says it all: workers and overlay stand in it"
                )
            return cls(file=str((beside / words["file"]).resolve()))
        return cls(**{"workers": workers, "overlay": "vxlan", **words})

    def words(self) -> list[str]:
        """Options of ``podwire up``."""
        if self.file is not None:
            return ["-f", self.file]
        return ["--workers", str(self.workers), "--overlay", str(self.overlay)]

    def fits(self, lab: Lab) -> bool:
        """Whether a running lab has this shape; one from a file is taken at its word."""
        if self.file is not None:
            return False
        workers, overlay = len(lab.plan.fabric.nodes) - 1, lab.plan.fabric.tunnel.mode.value
        return (workers, overlay) == (self.workers, self.overlay)


class Labs:
    """The run's labs by shape. given: a running lab to use instead. keep: leave them for somebody to look at."""

    def __init__(self, given: str | None, *, keep: bool) -> None:
        self._given, self._keep = given, keep
        self._running: dict[Shape, Lab] = {}
        self._names: list[str] = []

    def of(self, shape: Shape, *, asked_for: bool) -> Lab:
        """The lab of that shape, from namespace ``default``.

        asked_for: whether a marker said so. Skips where the given lab has another shape than was asked for.
        """
        if self._given is not None:
            lab = Lab.running(self._given)
            if asked_for and not shape.fits(lab):
                pytest.skip(f"lab {self._given} is not {shape}")
            return lab
        if shape not in self._running:
            # A name for each: the process's number, then b, c, …; at most 12 letters and digits.
            name = f"t{os.getpid():x}{'' if not self._names else chr(ord('a') + len(self._names))}"
            self._names.append(name)
            podwire("up", "--name", name, *shape.words())
            self._running[shape] = Lab.running(name)
        return self._running[shape]

    def close(self) -> None:
        """Remove what was brought up."""
        if not self._keep:
            for name in self._names:
                podwire("down", "--name", name)
