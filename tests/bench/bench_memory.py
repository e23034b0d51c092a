"""Row `memory`: what an idle control plane, a node and a pod take, in proportional set sizes and kernel memory."""

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from control.lab.process import proportional_bytes
from control.lab.supervisor import ask
from dataplane.netns import create
from tests.bench.harness import Bench, BenchFailed, Line, Sample, budget
from tests.bench.lab import Lab, all_pids, lab_name, running, seconds_until_ready

PODS, NODES = 100, 5
MB = 1e6
KERNEL = ("Slab", "KernelStack", "PageTables", "Percpu")
WARM = """
import gc, os, sys
from control.lab.roles import warm
warm(); gc.collect(); gc.freeze()
children = []
for _ in range(int(sys.argv[1])):
    children.append(os.fork())
    if children[-1] == 0:
        sys.stdin.read()  # ends with the bench, whatever ends it
        os._exit(0)
print(*children, flush=True)
sys.stdin.read()
"""


def pss(pids: Iterable[int]) -> float:
    """Bytes of several processes; what they share counts once."""
    return float(sum(proportional_bytes(pid) for pid in pids))


def kernel_bytes() -> float:
    """What the machine's kernel holds in slabs, stacks, page tables and per CPU: the machine's, so differences only."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return float(sum(int(words[1]) * 1024 for words in lines if words[0].rstrip(":") in KERNEL))


def measure() -> list[Line]:
    """A lab of 5 nodes, idle, then with 100 pods."""
    with running(lab_name("mem"), workers=NODES) as lab:
        _settle(lab)
        control, agents = _roles(lab)
        idle = {role: proportional_bytes(pid) / MB for role, pid in {**control, **agents}.items()}
        before_all, kernel_before = pss(all_pids(lab)), kernel_bytes()
        seconds_until_ready(lab, "crowd", PODS)
        _settle(lab)
        grown, kernel = pss(all_pids(lab)) - before_all, kernel_bytes() - kernel_before
        roles = {*control.values(), *agents.values()}
        containers = pss(all_pids(lab) - roles)
        _, agents_now = _roles(lab)
        node_now = pss(agents_now.values()) / MB / len(agents_now)
    bare, bare_kernel = _bare(PODS)
    warmed, fork = _python(len(control), len(agents))
    per_node = [idle[role] for role in agents]
    return [
        Line("memory", "a pod: all that the lab's processes grow by", Sample.of(grown / PODS / MB), "MB",
             floor=Sample.of(bare / PODS / MB), floor_is="an exec'd `sleep` in a namespace of its own",
             budget=budget("memory-pod"),
             note=f"its processes alone count {containers / PODS / MB:.2f} MB, their share of what the zygote had before "
             f"included; the kernel's {kernel / PODS / MB:.2f} MB a pod come on top (the bare one's "
             f"{bare_kernel / PODS / MB:.2f} MB)"),
        Line("memory", "a node: its agents, idle", Sample(tuple(per_node)), "MB", floor=Sample.of(fork / MB),
             floor_is="a fork of a warmed Python that does nothing", budget=budget("memory-node"),
             note=f"{node_now:.1f} MB with {PODS} pods in the lab"),
        Line("memory", "the control plane, idle: supervisor, zygote, API, controllers, scheduler, internet",
             Sample.of(sum(idle[role] for role in control)), "MB", floor=Sample.of(warmed / MB),
             floor_is="as many idle forks of a warmed Python", budget=budget("memory-control-plane"),
             note=", ".join(f"{role} {idle[role]:.0f} MB" for role in control)),
    ]  # fmt: skip


def _settle(lab: Lab) -> None:
    """Until two looks, half a second apart, differ by less than a megabyte."""
    last, until = 0.0, time.monotonic() + 20
    while abs((now := pss(all_pids(lab))) - last) > MB:
        if time.monotonic() > until:
            return
        last = now
        time.sleep(0.5)


def _roles(lab: Lab) -> tuple[dict[str, int], dict[str, int]]:
    report = ask(lab.directory)
    if report is None:
        raise BenchFailed(f"the supervisor of {lab.name} is gone")
    pids = {"supervisor": report["pid"]} | {role["name"]: role["pid"] for role in report["roles"]}
    agents = {name: pid for name, pid in pids.items() if name.startswith("agents-")}
    return {name: pid for name, pid in pids.items() if name not in agents}, agents


def _bare(count: int) -> tuple[float, float]:
    """So many `sleep`s, each in a network namespace of its own: bytes of the processes, and of the kernel."""
    names = [f"podwire-{lab_name('bare')}-pod-{number}" for number in range(count)]
    before, sleeps = kernel_bytes(), []
    try:
        for name in names:
            create.create(name)
            # nsenter and not `ip netns exec`, which mounts a /sys of its own
            sleeps.append(subprocess.Popen(["nsenter", f"--net=/run/netns/{name}", "sleep", "600"]))
        while any(Path(f"/proc/{one.pid}/comm").read_text() != "sleep\n" for one in sleeps):
            time.sleep(0.01)
        return pss(one.pid for one in sleeps), kernel_bytes() - before
    finally:
        for one in sleeps:
            one.kill()
            one.wait()
        for name in names:
            create.delete(name)


def _python(roles: int, agents: int) -> tuple[float, float]:
    """A warmed Python with idle forks: bytes of the parent and roles-1 of them, and of each further one."""
    command = [sys.executable, "-c", WARM, str(roles - 1 + agents)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    try:
        return pss([parent.pid, *children[: roles - 1]]), pss(children[roles - 1 :]) / agents
    finally:
        parent.communicate()


BENCH = Bench("memory", "an idle control plane, a node, a pod", 40, measure)
