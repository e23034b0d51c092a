"""What the server counts, in Prometheus' text form, under upstream's names where it has one."""

import os
import resource
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from control.api.route import Route

_BOUNDS: Final = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histogram's buckets, in seconds: upstream's, every other one."""
_VERBS: Final = {"create": "POST", "update": "PUT"}
_SERIES_MOST: Final = 5000
"""Label sets that are told apart; who asks for names that nobody knows must not fill the memory."""
_LASTING: Final = frozenset({"watch"})
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts of one server. revision: of its store."""

    def __init__(self, revision: Callable[[], int]) -> None:
        self._revision = revision
        self._began = time.time()
        self._requests: dict[Labels, int] = {}
        self._durations: dict[Labels, list[float]] = {}
        self._open = {False: 0, True: 0}

    def begin(self, route: Route) -> None:
        """A request has come."""
        self._open[route.verb in _LASTING] += 1

    def end(self, route: Route, code: int, seconds: float) -> None:
        """It has been answered; code 0: its client left before. Streams count until they end."""
        lasting = route.verb in _LASTING
        self._open[lasting] -= 1
        labels = _labels(route)
        key = (*labels, ("code", str(code)))
        if key not in self._requests and len(self._requests) >= _SERIES_MOST:
            return
        self._requests[key] = self._requests.get(key, 0) + 1
        if lasting:
            return
        buckets = self._durations.setdefault(labels, [0.0] * (len(_BOUNDS) + 2))
        buckets[bisect_left(_BOUNDS, seconds)] += 1
        buckets[-1] += seconds

    def text(self) -> str:
        """All of them."""
        return "\n".join([*self._counted(), *self._timed(), *self._gauges(), ""])

    def _counted(self) -> Iterator[str]:
        yield from _head("apiserver_request_total", "counter", "Requests by verb, resource and HTTP code.")
        for labels, count in sorted(self._requests.items()):
            yield f"apiserver_request_total{_shown(labels)} {count}"

    def _timed(self) -> Iterator[str]:
        name = "apiserver_request_duration_seconds"
        yield from _head(name, "histogram", "Time until an answer was complete, watches left out.")
        for labels, buckets in sorted(self._durations.items()):
            total = 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=False):
                total += int(count)
                yield f"{name}_bucket{_shown((*labels, ('le', bound)))} {total}"
            yield f"{name}_sum{_shown(labels)} {buckets[-1]:.6f}"
            yield f"{name}_count{_shown(labels)} {total}"

    def _gauges(self) -> Iterator[str]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        for name, kind, said, value in (
            ("apiserver_current_inflight_requests", "gauge", "Requests under way, watches left out.", self._open[False]),
            ("apiserver_longrunning_requests", "gauge", "Watches under way.", self._open[True]),
            ("podwire_store_revision", "gauge", "The store's last revision.", self._revision()),
            ("process_cpu_seconds_total", "counter", "CPU time in seconds.", used.ru_utime + used.ru_stime),
            ("process_resident_memory_bytes", "gauge", "Memory in bytes.", pages * _PAGE),
            ("process_start_time_seconds", "gauge", "Start of the process since the epoch.", self._began),
        ):  # fmt: skip
            yield from _head(name, kind, said)
            yield f"{name} {value}"


def _head(name: str, kind: str, said: str) -> tuple[str, str]:
    return f"# HELP {name} {said}", f"# TYPE {name} {kind}"


def _labels(route: Route) -> Labels:
    verb = _VERBS.get(route.verb, route.verb.upper())
    return (
        ("verb", verb),
        ("group", route.group),
        ("version", route.version),
        ("resource", route.resource),
        ("subresource", route.subresource),
    )


def _shown(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
