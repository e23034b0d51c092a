"""Bench: one change among many policies and pods, from the parsed value to the kernel's answer.

Run as root: ``python tests/bench/bench_policy.py [POLICIES...]``, with as many pods of one node. Each value stands
beside the kernel's own part (the floor); one rule's change also beside the real nft, fed as text (the peer).
"""

import gc
import os
import platform
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

from dataplane.netns.create import create, delete
from dataplane.netns.sysctl import Place
from dataplane.nft.handle import NftHandle
from dataplane.verdicts.nft_sync import NftVerdicts
from policy.compile.delta import Compiler
from policy.model import Policy
from policy.parse.networkpolicy import parse_policy
from policy.world import NamespaceFacts, PodFacts

LOCAL = (IPv4Network("10.244.0.0/16"),)
NAMESPACES, CHANGES = 10, 300
BUDGET_MS = 20.0


def pod(number: int, *, node: str = "node-1", app: int | None = None) -> PodFacts:
    """Ten pods of an app, apps spread over ten namespaces."""
    app = number // NAMESPACES if app is None else app
    return PodFacts(
        f"ns-{number % NAMESPACES}", f"pod-{number}", f"uid-{number}", {"app": f"app-{app}", "pod": str(number)},
        (IPv4Address(0x0AF40002 + number),), node=node,
    )  # fmt: skip


def policy(number: int, turn: int = 0) -> Policy:
    """An app may be reached by two others, which two changes each turn."""
    peers = [f"app-{(number // NAMESPACES + more + turn) % 100}" for more in (1, 2)]
    rule = {
        "from": [{"podSelector": {"matchLabels": {"app": peer}}} for peer in peers],
        "ports": [{"port": 80}, {"port": 443}],
    }
    meta = {"namespace": f"ns-{number % NAMESPACES}", "name": f"policy-{number}"}
    spec = {"podSelector": {"matchLabels": {"app": f"app-{number // NAMESPACES}"}}, "ingress": [rule]}
    return parse_policy({"metadata": meta, "spec": spec})


def row(what: str, values: list[float], floors: list[float], peer: str = "") -> None:
    """p50 and p99, and the kernel's part."""
    p99 = sorted(values)[int(len(values) * 0.99) - 1]
    verdict = "ok" if p99 <= BUDGET_MS else f"over the budget of {BUDGET_MS:.0f} ms"
    kernel = statistics.median(floors)
    print(
        f"{what:40} p50 {statistics.median(values):7.3f}  p99 {p99:8.3f} ms   kernel p50 {kernel:7.3f}   {verdict}{peer}"
    )


def bench(count: int) -> None:
    netns = f"podwire-tbench{uuid.uuid4().hex[:5]}-node"
    create(netns, Place.NODE)
    try:
        with NftHandle(netns) as handle:
            measure(count, netns, NftVerdicts(handle), Compiler("node-1", LOCAL))
    finally:
        delete(netns)


def measure(count: int, netns: str, verdicts: NftVerdicts, compiler: Compiler) -> None:
    started = time.perf_counter()
    for number in range(NAMESPACES):
        compiler.set_namespace(
            NamespaceFacts(f"ns-{number}", {"kubernetes.io/metadata.name": f"ns-{number}"})
        )
    for number in range(count):
        compiler.set_policy(policy(number))
        compiler.set_pod(pod(number))
    compiler.take()
    compiled = time.perf_counter()
    kernel_ms = verdicts.sync(compiler.table(), ()).microseconds / 1e3
    print(
        f"{count} policies, {count} pods: compiled in {compiled - started:.2f} s, "
        f"in the kernel after {time.perf_counter() - compiled:.2f} s more (its own part {kernel_ms / 1e3:.2f} s)"
    )
    gc.collect()
    gc.freeze()

    def changes(what: str, change: Callable[[int], None]) -> None:
        values, floors = [], []
        for turn in range(1, CHANGES + 1):
            begun = time.perf_counter()
            change(turn)
            applied = verdicts.apply(compiler.take())
            values.append((time.perf_counter() - begun) * 1e3)
            floors.append(applied.microseconds / 1e3)
        row(f"{count}: {what}", values, floors, nft(netns) if what == "a policy's rules change" else "")

    changes("a policy's rules change", lambda turn: compiler.set_policy(policy(turn * 7 % count, turn)))
    changes("a pod comes elsewhere", lambda turn: compiler.set_pod(pod(20_000 + turn, node="node-2", app=3)))
    changes("a pod comes here", lambda turn: compiler.set_pod(pod(10_000 + turn, app=3)))
    changes("a policy goes or comes", lambda turn: come_and_go(compiler, turn))


def come_and_go(compiler: Compiler, turn: int) -> None:
    made = policy(turn // 2)
    if turn % 2:
        compiler.remove_policy(made.key)
    else:
        compiler.set_policy(made)


def nft(netns: str) -> str:
    """One element added by the real nft."""
    values = []
    for number in range(10):
        text = f"add element inet podwire-policy identities4 {{ 10.250.0.{number} : 1:1 }}\n"
        begun = time.perf_counter()
        subprocess.run(["ip", "netns", "exec", netns, "nft", "-f", "-"], input=text, text=True, check=True)
        values.append((time.perf_counter() - begun) * 1e3)
    return f"   nft, one element {statistics.median(values):.1f} ms"


if __name__ == "__main__":
    print(f"{platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for asked in sys.argv[1:] or ["100", "1000"]:
        bench(int(asked))
