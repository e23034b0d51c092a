"""A trace on a terminal and as data: numbered lines, then one line that says what became of the packet."""

from collections.abc import Iterator
from typing import Any

from control.explain.aim import host_port
from control.explain.hops import Hop
from control.explain.run import TraceReport

_GREEN, _RED, _DIM, _BOLD = "32", "31;1", "2", "1"


def render(report: TraceReport, *, colour: bool, answers: bool = False) -> str:
    """Text for people. answers: the way back too."""

    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour else text

    question = report.question
    to = host_port(report.aim)
    lines = [f"{report.source} → {report.aim.said} ({question.protocol} {to})", ""]
    lines += _lines(report.request, paint)
    if report.answer and answers:
        lines += ["", paint("the way back", _BOLD), *_lines(report.answer, paint)]
    lines += ["", *(paint(line, _GREEN if report.fate.delivered else _RED) for line in _verdict(report))]
    lines += [paint(f"not everything was seen: {each}", _RED) for each in report.journey.lost]
    return "\n".join(lines) + "\n"


def _lines(hops: tuple[Hop, ...], paint: Any) -> Iterator[str]:
    width = max((len(hop.place) for hop in hops), default=0)
    for number, hop in enumerate(hops, start=1):
        time = "" if hop.time_us is None else f"{hop.time_us:.0f} µs"
        said = paint(hop.said, _RED) if hop.said.startswith(("DROPPED", "refused", "dropped")) else hop.said
        yield f"{number:>3}  {time:>9}  {hop.place:<{width}}  {hop.what:<7} {said}"
        indent = " " * (16 + width + 10)
        if hop.provenance is not None:
            yield from (f"{indent}{line}" for line in hop.provenance.lines)
        for each in hop.because:
            yield paint(f"{indent}{each}", _DIM)


def _verdict(report: TraceReport) -> Iterator[str]:
    fate = report.fate
    if fate.delivered and fate.answered:
        yield f"delivered to {fate.place}, and answered · {len(report.request)} hops{_oracle(report)}"
    elif fate.delivered:
        yield f"delivered to {fate.place}; {fate.said}{_oracle(report)}"
    else:
        yield f"lost at {fate.place}: {fate.cause}{_oracle(report)}"
        yield f"  {fate.said}"
    if report.agrees is False:
        yield "  The policies and the wire disagree: somebody else than podwire's rules decided, or they are stale."
        if report.oracle is not None:
            yield f"  {report.oracle.reason.text}"


def _oracle(report: TraceReport) -> str:
    if report.oracle is None:
        return ""
    return f" · the policies say {'allow' if report.oracle.allowed else 'deny'}"


def as_json(report: TraceReport) -> dict[str, Any]:
    """For programs: field names as in Kubernetes' style."""
    fate, oracle = report.fate, report.oracle
    return {
        "from": report.source,
        "to": report.aim.said,
        "address": str(report.aim.address),
        "port": report.aim.port,
        "protocol": report.question.protocol,
        "delivered": fate.delivered,
        "answered": fate.answered,
        "cause": str(fate.cause) if fate.cause is not None else None,
        "why": fate.said,
        "at": fate.place,
        "oracle": None if oracle is None else {"allowed": oracle.allowed, "reason": oracle.reason.text},
        "agrees": report.agrees,
        "hops": [_hop(hop) for hop in report.request],
        "answer": [_hop(hop) for hop in report.answer],
        "notSeen": list(report.journey.lost),
    }


def _hop(hop: Hop) -> dict[str, Any]:
    found: dict[str, Any] = {"place": hop.place, "what": hop.what, "said": hop.said}
    if hop.time_us is not None:
        found["microseconds"] = round(hop.time_us, 1)
    if hop.because:
        found["because"] = list(hop.because)
    origin = hop.provenance
    if origin is not None:
        found["provenance"] = {
            "kind": origin.kind,
            "object": origin.key,
            "field": origin.field,
            "resourceVersion": origin.resource_version,
            "written": origin.written,
            "file": origin.file,
        }
    return found
