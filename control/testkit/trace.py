"""One packet from a place of the kit, followed; and what a test expects to have become of it.

``assert lab.trace(ann, door) == delivered(to=shop)``; ``assert lab.trace(ann, db) == lost_by("default deny")``
"""

from dataclasses import dataclass
from typing import Any

from control.explain.causes import Cause
from control.explain.gather import gather
from control.explain.report import render
from control.explain.run import Question, TraceReport, run_trace
from control.lab.directory import LabDirectory
from control.lab.places import Place as LabPlace
from control.lab.places import find_place
from control.lab.up import stored_plan
from control.testkit.place import Node, Place, Pod, Service
from dataplane.ebpf.drops import DropWatch


@dataclass(frozen=True, slots=True)
class Follow:
    """From where in which lab a packet is sent. namespace: of names that say none."""

    directory: LabDirectory
    namespace: str

    def trace(self, source: Place | str, question: Question, kernel: DropWatch | None = None) -> TraceReport:
        """Send and follow. Raises NoSuchPlace, UsageError, KernelError as `podwire trace` does."""
        plan, port = stored_plan(self.directory)
        if isinstance(source, str):
            text = source if "/" in source else f"{self.namespace}/{source}"
            nodes = {node.name for node in plan.fabric.nodes}
            place = find_place(plan, self.directory, port, source if source in nodes | {"internet"} else text)
        elif isinstance(source, Pod):
            place = LabPlace("pod", f"{source.namespace}/{source.name}", source.netns, source.node)
        else:
            place = LabPlace("node" if isinstance(source, Node) else source.name, source.name, source.netns)
        return run_trace(gather(self.directory), place, question, kernel)

    def aim(self, to: Place | Service | str, port: int | None) -> str:
        """What `podwire trace` would call it."""
        match to:
            case Service():
                name = f"{to.namespace}/svc/{to.name}"
            case Pod():
                name = f"{to.namespace}/{to.name}"
            case Place():
                name = to.name
            case _:
                name = to
        if port is None:
            return name
        return f"[{name}]:{port}" if name.count(":") > 1 else f"{name}:{port}"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What should have become of a packet; equal to a trace where it did.

    to: the place that took it. cause: of its loss; None for one that was delivered. at: where it was lost.
    """

    delivered: bool
    to: str | None = None
    cause: Cause | None = None
    at: str | None = None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TraceReport):
            return not self.differences(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.delivered, self.to, self.cause, self.at))

    def __repr__(self) -> str:
        if self.delivered:
            return f"delivered({f'to={self.to!r}' if self.to else ''})"
        where = f", at={self.at!r}" if self.at else ""
        return f"lost_by({str(self.cause)!r}{where})" if self.cause else f"lost({where.removeprefix(', ')})"

    def differences(self, report: TraceReport) -> list[str]:
        """What came otherwise, a line each; empty when it came so."""
        fate = report.fate
        became = f"delivered to {fate.place}" if fate.delivered else f"lost at {fate.place}: {fate.cause}"
        wrong = []
        if self.delivered != fate.delivered:
            wrong.append(f"it was {became}")
        elif self.cause is not None and fate.cause is not self.cause:
            wrong.append(f"it was lost by {str(fate.cause)!r}, not by {str(self.cause)!r}")
        place = self.to if self.delivered else self.at
        if not wrong and place is not None and fate.place != place:
            wrong.append(f"it was {became}, not {'to' if self.delivered else 'at'} {place}")
        return wrong


def delivered(to: Pod | Place | str | None = None) -> Outcome:
    """It arrived; to: there."""
    return Outcome(True, to=_name(to))


def lost_by(cause: Cause | str, *, at: Pod | Place | str | None = None) -> Outcome:
    """It was lost; cause: of the closed list. Raises ValueError for a cause that is none."""
    return Outcome(False, cause=Cause(cause), at=_name(at))


def _name(place: Pod | Place | str | None) -> str | None:
    if isinstance(place, Pod):
        return f"{place.namespace}/{place.name}"
    return place.name if isinstance(place, Place) else place


def explain(left: Any, right: Any) -> list[str] | None:
    """Why a trace and an outcome differ, with the trace as `podwire trace` shows it; None when these are none."""
    report, outcome = (left, right) if isinstance(left, TraceReport) else (right, left)
    if not isinstance(report, TraceReport) or not isinstance(outcome, Outcome):
        return None
    said = "; ".join(outcome.differences(report)) or "it did"
    return [f"expected {outcome!r}: {said}", *render(report, colour=False).splitlines()]
