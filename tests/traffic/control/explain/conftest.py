"""Traces of real packets, with the cluster as the API has it at that moment."""

from collections.abc import Callable, Iterator

import pytest

from control.explain.run import TraceReport
from control.testkit.place import Place
from dataplane.ebpf.drops import DropWatch

Trace = Callable[..., TraceReport]


@pytest.fixture
def trace(lab) -> Trace:
    """``lab.trace``, with the kernel's word as third: ``trace(ann, "svc/web", kernel, protocol="udp")``."""

    def follow(source: Place, to: str, kernel: DropWatch | None = None, **packet: object) -> TraceReport:
        return lab.trace(source, to, kernel=kernel, **packet)

    return follow


@pytest.fixture
def kernel() -> Iterator[DropWatch]:
    """The kernel's own word on drops; skips where eBPF can't be used."""
    with DropWatch() as watch:
        if why := watch.why_missing():
            pytest.skip(f"no eBPF here: {why}")
        yield watch
