"""Row `policy`: one change among 1,000 policies and pods, from the parsed value to the kernel's answer.

All pods are one node's. Each value stands beside the kernel's own part (the floor); one rule's change also beside the
real nft, fed as text (the peer).
"""

import gc
import statistics
import subprocess
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
from tests.bench.harness import Bench, Line, Sample, budget, percentile

LOCAL = (IPv4Network("10.244.0.0/16"),)
POLICIES, NAMESPACES, CHANGES = 1000, 10, 300


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


def measure(count: int = POLICIES) -> list[Line]:
    """So many policies, and as many pods."""
    netns = f"podwire-tbench{uuid.uuid4().hex[:5]}-node"
    create(netns, Place.NODE)
    try:
        with NftHandle(netns) as handle:
            return _changes(count, netns, NftVerdicts(handle), Compiler("node-1", LOCAL))
    finally:
        delete(netns)


def _changes(count: int, netns: str, verdicts: NftVerdicts, compiler: Compiler) -> list[Line]:
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
    ready = (
        f"all of it compiled in {compiled - started:.2f} s and in the kernel after "
        f"{time.perf_counter() - compiled:.2f} s more (its own part {kernel_ms / 1e3:.2f} s)"
    )
    lines: list[Line] = []
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
        note = f"{ready}; {nft(netns)}" if not lines else ""
        lines.append(
            Line("policy", f"{count:,} policies: {what}, p99 of {CHANGES}", Sample.of(percentile(values, 0.99)), "ms",
                 floor=Sample.of(percentile(floors, 0.99)), floor_is="the kernel's own part",
                 budget=budget("policy-change"), note=note)
        )  # fmt: skip

    changes("a policy's rules change", lambda turn: compiler.set_policy(policy(turn * 7 % count, turn)))
    changes("a pod comes elsewhere", lambda turn: compiler.set_pod(pod(20_000 + turn, node="node-2", app=3)))
    changes("a pod comes here", lambda turn: compiler.set_pod(pod(10_000 + turn, app=3)))
    changes("a policy goes or comes", lambda turn: come_and_go(compiler, turn))
    gc.unfreeze()
    return lines


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
    return f"one element by nft {statistics.median(values):.1f} ms"


BENCH = Bench("policy", "one change among 1,000 policies and 1,000 pods of a node", 20, measure)
