"""Row `pods`: a Deployment of 500 pods on 10 nodes, until the last is Ready, beside what the kernel alone takes."""

import tempfile
from pathlib import Path

from dataplane.netns.sweep import sweep
from tests.bench import by_hand, profile
from tests.bench.harness import Bench, Line, Sample, budget, seconds
from tests.bench.lab import lab_name, running, seconds_until_ready, usage

PODS, NODES = 500, 10
PROTOTYPE = 432
"""Pods/s of the prototype, on such a machine: containers that listen, without API, scheduler and kubelets."""


def measure() -> list[Line]:
    """One burst; the floor before and after it."""
    floors = [_floor()]
    with running(lab_name("pods"), workers=NODES) as lab:
        before = usage(lab)
        took, each = seconds_until_ready(lab, "crowd", PODS)
        used = usage(lab).since(before)
    floors.append(_floor())
    cpu = ", ".join(f"{role} {s / PODS * 1e3:.1f}" for role, s in used.items() if s / PODS >= 0.0005)
    note = (
        f"the first was Ready after {each[0]:.2f} s, half of them after {each[PODS // 2]:.2f} s; "
        f"{sum(used.values()) / PODS * 1e3:.1f} ms of CPU a pod beside its own processes ({cpu}); "
        f"the prototype without API, scheduler and kubelets made {PROTOTYPE} pods/s"
    )
    return [
        Line("pods", f"{PODS} pods on {NODES} nodes, a Deployment with a readiness probe, until all are Ready",
             Sample.of(PODS / took), "pods/s", "higher", Sample(tuple(floors)),
             "as many namespaces with veth and address by bare system calls", budget("pods"), note),
    ]  # fmt: skip


def _floor() -> float:
    """Pods' wires a second, by the kernel alone."""
    name = lab_name("bare")
    try:
        return PODS / seconds(lambda: by_hand.bare_pods(name, NODES, PODS))
    finally:
        sweep(name)


def profiled() -> str:
    """One pod on an idle lab, then the burst: each step of a pod's start, and where the CPU goes."""
    found = []
    for pods, nodes, title in ((1, 2, "One pod, idle lab"), (PODS, NODES, f"{PODS} pods on {NODES} nodes")):
        with tempfile.TemporaryDirectory() as place:
            with running(lab_name("pods"), workers=nodes, profile=Path(place)) as lab:
                up = profile.read(Path(place)).until
                took, _ = seconds_until_ready(lab, "crowd", pods)
            seen = profile.read(Path(place)).since(up)
        found.append(f"{title}, Ready after {took:.2f} s:\n\n{seen.steps()}")
    return "\n".join([*found, "Where the CPU of the burst went:", "", seen.cpu(), seen.hot("agents")])


BENCH = Bench("pods", "500 pods on 10 nodes until Ready, pods per second", 60, measure, profiled)
