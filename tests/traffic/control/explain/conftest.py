"""Traces of real packets, with the cluster as the API has it at that moment."""

from collections.abc import Callable, Iterator

import pytest

from control.explain.run import KINDS, Question, TraceReport, atlas_of, run_trace
from control.lab.places import Place as LabPlace
from control.lab.places import get_json
from control.lab.up import stored_plan
from control.testkit.place import Place
from dataplane.ebpf.drops import DropWatch

Trace = Callable[..., TraceReport]


@pytest.fixture
def trace(lab) -> Trace:
    """``trace(ann, "svc/web", protocol="udp")``: one packet from a place of the kit, followed."""
    _, port = stored_plan(lab.directory)

    def follow(source: Place, to: str, kernel: DropWatch | None = None, **more: object) -> TraceReport:
        objects = {plural: get_json(lab.directory, port, path)["items"] for plural, path in KINDS.items()}
        kind = "pod" if hasattr(source, "uid") else source.name
        name = f"{lab.namespace}/{source.name}" if kind == "pod" else source.name
        place = LabPlace(kind, name, source.netns)
        return run_trace(atlas_of(lab.plan, objects), place, Question(to, **more), kernel)

    return follow


@pytest.fixture
def kernel() -> Iterator[DropWatch]:
    """The kernel's own word on drops; skips where eBPF can't be used."""
    with DropWatch() as watch:
        if why := watch.why_missing():
            pytest.skip(f"no eBPF here: {why}")
        yield watch
