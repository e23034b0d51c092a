"""Row `wires`: a lab's wires without Kubernetes: three nodes from nothing, pods plugged in; beside plain `ip -batch`."""

from collections.abc import Callable

from dataplane.fabric.build import build
from dataplane.fabric.pod import PodLinks
from dataplane.model.topology import FabricPlan, PodPort
from dataplane.netns.sweep import sweep
from tests.bench import by_hand
from tests.bench.harness import Bench, Line, Sample, pairs, seconds
from tests.bench.lab import lab_name

PODS, TURNS = 100, 3
NODES = ("node-1", "node-2")


def measure() -> list[Line]:
    """Pairs; each turn is made from nothing and swept."""
    ours, hand = lab_name("our"), lab_name("hand")
    plans = {name: by_hand.plan(name) for name in (ours, hand)}
    pods: dict[str, list[float]] = {ours: [], hand: []}

    def turn(
        lab: str, make: Callable[[FabricPlan], object], plug_in: Callable[[str, FabricPlan], object]
    ) -> float:
        try:
            took = seconds(lambda: make(plans[lab]))
            pods[lab].append(PODS / seconds(lambda: plug_in(lab, plans[lab])))
            return took * 1e3
        finally:
            sweep(lab)

    value, floor = pairs(
        lambda: turn(ours, build, _plug_in), lambda: turn(hand, by_hand.fabric, _plug_in_by_hand), TURNS
    )
    return [
        Line("wires", "three nodes from nothing, no Kubernetes", value, "ms", floor=floor,
             floor_is="the same by `ip -batch`"),
        Line("wires", f"{PODS} pods plugged in", Sample(tuple(pods[ours])), "pods/s", "higher",
             Sample(tuple(pods[hand])), "the same by `ip -batch`"),
    ]  # fmt: skip


def _ports(lab: str, plan: FabricPlan, name: str) -> list[PodPort]:
    node = plan.node(name)
    return [by_hand.port(lab, node, host, plan.tunnel.mtu) for host in range(10, 10 + PODS // len(NODES))]


def _plug_in(lab: str, plan: FabricPlan) -> None:
    for name in NODES:
        with PodLinks(plan.node(name).netns) as links:
            for port in _ports(lab, plan, name):
                links.attach(port)
                links.enable(port.host_interface, port.netns)


def _plug_in_by_hand(lab: str, plan: FabricPlan) -> None:
    for name in NODES:
        for port in _ports(lab, plan, name):
            by_hand.pod(port)


BENCH = Bench("wires", "nodes and pods' wires without Kubernetes, against ip -batch", 20, measure)
