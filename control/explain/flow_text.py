"""Connections for eyes and for programs: a line each, a table of them, an object a line."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from control.explain.atlas import Atlas
from control.explain.flow_book import Connection
from control.explain.glance import Namer
from control.explain.loss_text import clock
from control.explain.losses import protocol_name
from dataplane.model.address import HostPort
from dataplane.observe.tracking import Counts

_OVER = ("TIME_WAIT", "CLOSE")


class FlowNames:
    """Connections in the names that a cluster has at this moment."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas, self._namer = atlas, Namer(atlas)
        self._workloads = {pod.facts.key: pod.workload for pod in atlas.view.pods}

    def concerns_pods(self, flow: Connection) -> bool:
        """A pod began it, or a Service or pod is asked from outside. Not: what nodes and the control plane do by
        themselves (probes, the API).
        """
        client = self._namer.name(flow.client.address)
        if "/" in client or self.service(flow):
            return True
        return not client.startswith("node ") and "/" in self._namer.name(flow.answers.address)

    @staticmethod
    def is_over(flow: Connection) -> bool:
        """It only waits to be forgotten."""
        return flow.state in _OVER

    def name(self, end: HostPort, *, port: bool = True) -> str:
        """``default/web-1:8080``."""
        return self._namer.end(end.address, end.port if port else 0)

    def way(self, flow: Connection) -> str:
        """``default/ann → Service default/door:80 → default/shop:8080``."""
        ports = flow.protocol not in (1, 58)
        steps = [self.name(flow.client, port=False), self.name(flow.asked, port=ports)]
        if flow.answers != flow.asked:
            steps.append(self.name(flow.answers, port=ports))
        seen = (
            f" (as {self.name(flow.seen_as, port=False)})"
            if flow.seen_as.address != flow.client.address
            else ""
        )
        return " → ".join(steps) + seen

    def workload(self, end: HostPort) -> str:
        """The Deployment or other owner of the pod at an end; "" for none."""
        return self._workloads.get(self._namer.name(end.address), "")

    def service(self, flow: Connection) -> str:
        """The Service that was asked for, at its ClusterIP or a NodePort; "" for none."""
        view = self._atlas.service_port(flow.asked.address, flow.asked.port, flow.protocol)
        return view.service if view is not None else ""


def live_line(names: FlowNames, event: str, flow: Connection, now_ns: int) -> str:
    """Time, what happened, protocol, the way, state, nodes, counts."""
    parts = [clock(now_ns), f"{event:<6}", protocol_name(flow.protocol), names.way(flow), flow.state]
    parts += [f"[{', '.join(flow.nodes)}]", *_counted(flow)]
    if event == "end":
        parts.append(f"after {age(flow, now_ns)}")
    return "  ".join(parts)


def table(names: FlowNames, flows: Iterable[Connection], now_ns: int, height: int = 0) -> str:
    """All of them, the latest first; height: of the terminal, 0 for all rows."""
    lines = [("PROTO", "FROM → TO (→ ENDPOINT)", "STATE", "SENT", "BACK", "AGE", "NODES")]
    newest = sorted(flows, key=lambda flow: flow.began_ns, reverse=True)
    shown = newest[: max(1, height - 3)] if height else newest
    for flow in shown:
        sent, back = (_short(counts) for counts in (flow.sent, flow.back))
        lines.append((
            protocol_name(flow.protocol), names.way(flow), flow.state, sent, back, age(flow, now_ns),
            ", ".join(flow.nodes),
        ))  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(7)]
    said = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    if len(shown) < len(newest):
        said.append(f"… and {len(newest) - len(shown)} more")
    if not newest:
        said.append("(no connections)")
    return "\n".join(said) + "\n"


def as_json(names: FlowNames, event: str, flow: Connection, now_ns: int) -> dict[str, Any]:
    """One object, with field names as Kubernetes has them."""
    found: dict[str, Any] = {
        "time": datetime.fromtimestamp(now_ns / 1e9, UTC).isoformat(timespec="microseconds"),
        "event": event,
        "protocol": protocol_name(flow.protocol),
        "from": names.name(flow.client, port=False),
        "to": names.name(flow.asked, port=False),
        "endpoint": names.name(flow.answers, port=False),
        "service": names.service(flow),
        "fromWorkload": names.workload(flow.client),
        "toWorkload": names.workload(flow.answers),
        "source": str(flow.client),
        "asked": str(flow.asked),
        "answers": str(flow.answers),
        "seenAs": str(flow.seen_as),
        "state": flow.state,
        "nodes": list(flow.nodes),
        "ageSeconds": round((now_ns - flow.began_ns) / 1e9, 3),
    }
    for name, counts in (("sent", flow.sent), ("back", flow.back)):
        if counts is not None:
            found[name] = {"packets": counts.packets, "bytes": counts.bytes}
    return found


def age(flow: Connection, now_ns: int) -> str:
    """``4.2 s``, ``3 min``."""
    seconds = max(0.0, (now_ns - flow.began_ns) / 1e9)
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _short(counts: Counts | None) -> str:
    return f"{counts.packets} / {_bytes(counts.bytes)}" if counts is not None else ""


def _counted(flow: Connection) -> Iterator[str]:
    if flow.sent is not None and flow.back is not None:
        yield f"{_short(flow.sent)} sent, {_short(flow.back)} back"


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
