"""What a kubelet tells of its node in figures: ``/metrics`` (Prometheus) and ``/stats/summary``.

CPU and memory are the pods' cgroups' own; a controller that the kernel does not give the lab is left out.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from control.agents.context import NodeContext
from control.agents.kubelet_tools import rfc3339
from control.agents.pod_worker import PodWorker
from control.agents.translate.pod import uid_of

Json = dict[str, Any]


def metrics_text(ctx: NodeContext, workers: Iterable[PodWorker]) -> str:
    """A few of the kubelet's metrics by their names upstream."""
    states: Counter[str] = Counter()
    pods = 0
    for worker in workers:
        pods += 1
        states.update(next(iter(keeper.state), "unknown") for keeper in worker.keepers)
    lines = [
        "# HELP kubelet_node_name [ALPHA] The node's name. The count is always 1.",
        "# TYPE kubelet_node_name gauge",
        f'kubelet_node_name{{node="{ctx.name}"}} 1',
        "# HELP kubelet_running_pods [BETA] Number of pods that have a running pod sandbox",
        "# TYPE kubelet_running_pods gauge",
        f"kubelet_running_pods {pods}",
        "# HELP kubelet_running_containers [BETA] Number of containers by state",
        "# TYPE kubelet_running_containers gauge",
        *(f'kubelet_running_containers{{container_state="{s}"}} {n}' for s, n in sorted(states.items())),
    ]
    return "\n".join(lines) + "\n"


def summary(ctx: NodeContext, workers: Iterable[PodWorker], now: float) -> Json:
    """``/stats/summary``: the node's pods with what their cgroups have used. now: Unix seconds."""
    stamp = rfc3339(now)
    return {"node": {"nodeName": ctx.name}, "pods": [_pod(ctx, worker, stamp) for worker in workers]}


def _pod(ctx: NodeContext, worker: PodWorker, stamp: str) -> Json:
    meta = worker.pod["metadata"]
    group = ctx.cgroup / uid_of(worker.pod)
    containers = [{"name": keeper.name, **_usage(group / keeper.name, stamp)} for keeper in worker.keepers]
    reference = {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
    return {"podRef": reference, "containers": containers, **_usage(group, stamp)}


def _usage(group: Path, stamp: str) -> Json:
    found: Json = {}
    cpu = dict(line.split(" ", 1) for line in _lines(group / "cpu.stat"))
    if "usage_usec" in cpu:
        found["cpu"] = {"time": stamp, "usageCoreNanoSeconds": int(cpu["usage_usec"]) * 1000}
    memory = _lines(group / "memory.current")
    if memory:
        found["memory"] = {"time": stamp, "usageBytes": int(memory[0])}
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # the group is gone, or has no such controller
        return []
