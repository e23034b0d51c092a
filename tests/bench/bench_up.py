"""Row `up`: the command line from nothing until DNS answers, beside the same wires made by hand, and Python's imports."""

import subprocess
import tempfile
from pathlib import Path

from dataplane.netns.sweep import sweep
from tests.bench import by_hand, profile
from tests.bench.harness import Bench, Line, budget, pairs, seconds
from tests.bench.lab import PYTHON, ROOT, lab_name, podwire

TURNS = 5
IMPORTS = "from control.lab.roles import warm; warm()"


def measure() -> list[Line]:
    """Pairs of `podwire up` (1 control plane, 2 workers) and of both floors."""
    ours, hand = lab_name("up"), lab_name("hand")
    tables = _tables(ours, hand)

    def up() -> float:
        took = seconds(lambda: podwire("up", "--name", ours))
        podwire("down", "--name", ours)
        return took

    def plumbed() -> float:
        try:
            return seconds(lambda: _by_hand(hand, tables))
        finally:
            sweep(hand)

    def imported() -> float:
        return seconds(lambda: subprocess.run([*PYTHON, "-c", IMPORTS], cwd=ROOT, check=True))

    value, floor = pairs(up, plumbed, TURNS)
    loaded = [imported() for _ in range(TURNS)]
    what = "podwire up, 1 control plane + 2 workers, until DNS answers"
    note = (
        f"the wires are {floor.median:.2f} s of work by hand; one Python that starts and imports what the roles run on "
        f"takes {sorted(loaded)[TURNS // 2]:.2f} s ({min(loaded):.2f}-{max(loaded):.2f})"
    )
    return [
        Line("up", what, value, "s", floor=floor, floor_is="the same wires and nft tables by `ip -batch` and `nft -f`",
             budget=budget("up"), note=note),
    ]  # fmt: skip


def _tables(ours: str, hand: str) -> dict[str, str]:
    """Each node's tables, from a lab that is up (which warms the page cache, too): by the floor's namespaces."""
    podwire("up", "--name", ours)
    try:
        nodes = by_hand.plan(ours).nodes
        return {node.netns.replace(ours, hand): by_hand.tables_of(node.netns) for node in nodes}
    finally:
        podwire("down", "--name", ours)


def _by_hand(lab: str, tables: dict[str, str]) -> None:
    """Three nodes, the internet, the fabric, the nodes' tables, and one pod (DNS)."""
    plan = by_hand.plan(lab)
    by_hand.fabric(plan)
    by_hand.load_tables(tables)
    by_hand.pod(by_hand.port(lab, plan.nodes[-1], 10, plan.tunnel.mtu))


def profiled() -> str:
    """One `up`, phase by phase and process by process."""
    name = lab_name("upp")
    with tempfile.TemporaryDirectory() as place:
        try:
            podwire("up", "--name", name, profile=Path(place))
        finally:
            podwire("down", "--name", name)
        seen = profile.read(Path(place))
    return f"`podwire up`, wall by phase:\n\n{seen.phases()}\nCPU by process:\n\n{seen.cpu()}"


BENCH = Bench("up", "podwire up, 1 + 2 nodes, against the wires by hand", 30, measure, profiled)
