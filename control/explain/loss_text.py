"""Drops for eyes and for programs: a line each, a table of them, an object a line."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from control.explain.losses import Loss, protocol_name

_RED, _DIM = "31;1", "2"


def clock(time_ns: int) -> str:
    """``22:03:11.123456``, in local time."""
    return f"{time.strftime('%H:%M:%S', time.localtime(time_ns // 10**9))}.{time_ns % 10**9 // 1000:06d}"


def live_line(loss: Loss, *, colour: bool = False) -> str:
    """Time, place, reason, from → to, object, and the kernel's words."""
    cause = f"\x1b[{_RED}m{loss.cause}\x1b[0m" if colour else str(loss.cause)
    link = f":{loss.link}" if loss.link else ""
    return "  ".join(part for part in (
        clock(loss.time_ns), f"{loss.place}{link}", cause, _who(loss), loss.obj, f"({loss.kernel})",
    ) if part)  # fmt: skip


def _who(loss: Loss) -> str:
    if loss.seen is None:
        return f"{loss.packets} packets: {loss.said}"
    ends = loss.seen.ends
    kind = protocol_name(ends.protocol)
    flags = f" {loss.seen.flags}" if loss.seen.flags else ""
    port = f":{ends.source_port}" if ends.source_port else ""
    return f"{loss.source}{port} → {loss.target} {kind}{flags}"


def as_json(loss: Loss) -> dict[str, Any]:
    """One object, with field names as Kubernetes has them."""
    found: dict[str, Any] = {
        "time": datetime.fromtimestamp(loss.time_ns / 1e9, UTC).isoformat(timespec="microseconds"),
        "place": loss.place,
        "interface": loss.link,
        "reason": str(loss.cause),
        "why": loss.said,
        "object": loss.obj,
        "packets": loss.packets,
        "kernel": loss.kernel,
    }
    if loss.seen is not None:
        ends = loss.seen.ends
        found |= {
            "from": loss.source,
            "to": loss.target,
            "protocol": protocol_name(ends.protocol),
            "source": str(ends.source),
            "sourcePort": ends.source_port,
            "destination": str(ends.destination),
            "destinationPort": ends.destination_port,
            "flags": loss.seen.flags,
            "ttl": ends.ttl,
        }
    if loss.ordinary:
        found["ordinary"] = True
    return found


@dataclass(slots=True)
class Board:
    """Losses added up by place, reason, ends and object; the oldest rows go when there are too many."""

    most: int = 5_000
    rows: dict[tuple[str, str, str, str, str], tuple[int, int]] = field(default_factory=dict)
    ordinary: int = 0
    forgotten: int = 0

    def add(self, losses: Iterable[Loss]) -> None:
        """Count them."""
        for loss in losses:
            key = (loss.place, str(loss.cause), loss.source, loss.target, loss.obj or loss.said)
            packets, _last = self.rows.pop(key, (0, 0))
            self.rows[key] = (packets + loss.packets, loss.time_ns)
        while len(self.rows) > self.most:
            oldest = next(iter(self.rows))
            self.forgotten += self.rows.pop(oldest)[0]

    def text(self, height: int = 0) -> str:
        """A table, the latest first; height: of the terminal, 0 for all rows."""
        head = ("PLACE", "REASON", "FROM → TO", "PACKETS", "LAST", "OBJECT, OR WHY")
        newest = list(reversed(self.rows.items()))
        shown = newest[: max(1, height - 4)] if height else newest
        lines = [head]
        for (place, cause, source, target, obj), (packets, last) in shown:
            way = f"{source} → {target}" if source else ""
            lines.append((place, cause, way, str(packets), clock(last)[:8], obj))
        widths = [max(len(line[column]) for line in lines) for column in range(5)]
        said = [
            "  ".join((*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[5])).rstrip()
            for line in lines
        ]
        if len(shown) < len(newest):
            said.append(f"… and {len(newest) - len(shown)} more rows")
        if self.forgotten:
            said.append(f"{self.forgotten} packets of the oldest rows are no longer shown")
        if not self.rows:
            said.append("(nothing was dropped)")
        return "\n".join(said) + "\n"
