"""Row `api`: the API server on one core, all checks on: writes, reads, a list, watches, latency, memory, a fresh API.

The server has a process and a core of its own, the client another; beside each value stand the same per second of the
server's CPU (which a busy machine disturbs less), a floor of the same run (the store alone, or an echo on the same
server library), and what upstream's API machinery on etcd did on such a machine.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import orjson
import uvloop

from control.alone.options import AloneOptions
from control.client.client import ApiClient
from control.client.resources import PODS, SERVICEACCOUNTS
from control.store.contract import Attributes, Key
from control.store.sqlite import SqliteStore
from control.testkit.client import TestClient
from control.testkit.kube_api import Nursery
from tests.bench.api_peer import Peer, serving
from tests.bench.harness import Bench, Better, Line, Sample, budget, percentile
from tests.bench.load import Watch, connect, flood, get, post, steady

PODS_MADE, PODS_KEPT, CONNECTIONS, WATCHERS, TURNS = 5000, 10_000, 32, 100, 3
STEADY_S = 4.0
_PATH = PODS.path("default")


def pod() -> dict[str, Any]:
    """About 2.2 kB once it is filled in, 3 to 4 kB with its managed fields."""
    resources = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}
    container = {
        "name": "main",
        "image": "shop/web:1",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": f"NAME_{number}", "value": f"value {number}"} for number in range(5)],
        "resources": resources,
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
        "livenessProbe": {"grpc": {"port": 8080}},
    }
    meta = {"generateName": "web-7d9f8c6b5-", "labels": {"app": "web", "pod-template-hash": "7d9f8c6b5"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}


def creates() -> Iterator[bytes]:
    """Requests that make pods."""
    return repeat(post(_PATH, orjson.dumps(pod())))


async def rate(peer: Peer, requests: Iterator[bytes], count: int) -> tuple[float, float]:
    """Requests a second, and a second of the server's CPU, over CONNECTIONS at once."""
    connections = await connect(peer.port, peer.context, CONNECTIONS)
    cpu = peer.cpu_s()
    by_wall = await flood(connections, requests, count)
    used = max(peer.cpu_s() - cpu, 0.01)
    for connection in connections:
        connection.close()
    return by_wall, count / used


async def store_alone(directory: Path) -> float:
    """Durable creates a second without HTTP, checks or admission."""
    directory.mkdir(exist_ok=True)
    async with SqliteStore(directory / "floor.db") as store:
        before, began = len(store.list("/pods")), time.perf_counter()

        async def some(first: int) -> None:
            for number in range(60):
                key = Key("/pods", "default", f"p{before}-{first}-{number}")
                await store.create(key, {**pod(), "metadata": {"name": key.name}}, Attributes({}, {}))

        await asyncio.gather(*(some(first) for first in range(CONNECTIONS)))
        return CONNECTIONS * 60 / (time.perf_counter() - began)


def line(
    what: str, value: Sample, unit: str, name: str, note: str, floor: tuple[Sample, str] | None = None
) -> Line:
    """Values with their budget. floor: its values, and what it is."""
    better: Better = "higher" if unit == "/s" else "lower"
    floors, floor_is = floor if floor is not None else (None, "")
    return Line("api", what, value, unit, better, floors, floor_is, budget(f"api-{name}"), note)


async def writes(peer: Peer, directory: Path, pods: int) -> Line:
    """Durable creates, beside the store alone."""
    ours, alone, of_cpu = [], [], []
    for _ in range(TURNS):
        by_wall, by_cpu = await rate(peer, creates(), pods // TURNS)
        ours.append(by_wall)
        of_cpu.append(by_cpu)
        alone.append(await store_alone(directory))
    note = f"{Sample(tuple(of_cpu)).median:,.0f} per second of the server's CPU; upstream 276"
    floor = Sample(tuple(alone)), "the store alone, without HTTP and checks"
    return line("durable creates", Sample(tuple(ours)), "/s", "creates", note, floor)


async def reads(peer: Peer, directory: Path, name: str, body: bytes) -> Line:
    """Gets, beside an echo of the same bytes."""
    ours, echoes, of_cpu = [], [], []
    with serving(directory, echo=body) as echo:
        for _ in range(TURNS):
            by_wall, by_cpu = await rate(peer, repeat(get(PODS.path("default", name))), 5000)
            ours.append(by_wall)
            of_cpu.append(by_cpu)
            echoes.append((await rate(echo, repeat(get("/")), 5000))[0])
    note = f"{Sample(tuple(of_cpu)).median:,.0f} per second of the server's CPU; upstream 2,150"
    floor = Sample(tuple(echoes)), "an echo of the same bytes on the same server library"
    return line("gets", Sample(tuple(ours)), "/s", "gets", note, floor)


async def big_list(peer: Peer, name: str, pods: int) -> list[Line]:
    """A list of everything, and how long it makes others wait."""
    took, used, delays, size = [], [], [], 0
    for _ in range(TURNS):
        with Bystander(peer, name) as bystander:
            await asyncio.to_thread(bystander.begin)
            cpu = peer.cpu_s()
            async with ApiClient(peer.url, peer.context) as client:
                began = time.perf_counter()
                size = len(await client.request("GET", "/api/v1/pods"))
            took.append((time.perf_counter() - began) * 1e3)
            used.append((peer.cpu_s() - cpu) * 1e3)
        delays.append(bystander.longest_ms)
    note = f"{size / 1e6:.0f} MB, {Sample(tuple(used)).median:.0f} ms of the server's CPU; upstream 1,070 ms"
    return [
        line(f"a list of {pods:,} pods", Sample(tuple(took)), "ms", "list", note),
        line("the longest get beside it", Sample(tuple(delays)), "ms", "delay", "one after the other"),
    ]


class Bystander:
    """A thread of blocking gets, one after the other: what it waits is what the server makes it wait."""

    def __init__(self, peer: Peer, name: str) -> None:
        self._peer, self._request = peer, get(PODS.path("default", name))
        self._stop, self._began = threading.Event(), threading.Event()
        self.longest_ms = 0.0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Bystander":
        self._thread.start()
        return self

    def begin(self) -> None:
        """Wait until it has had its first answer."""
        self._began.wait(10)

    def _run(self) -> None:
        uvloop.run(self._ask())

    async def _ask(self) -> None:
        (connection,) = await connect(self._peer.port, self._peer.context, 1)
        await connection.ask(self._request)
        self._began.set()
        while not self._stop.is_set():
            began = time.perf_counter()
            await connection.ask(self._request)
            self.longest_ms = max(self.longest_ms, (time.perf_counter() - began) * 1e3)
            await asyncio.sleep(0.001)
        connection.close()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


async def watches(peer: Peer, revision: str) -> Line:
    """Events to WATCHERS watchers, while pods are made as fast as the server likes."""
    rates, of_cpu, loop, changes = [], [], asyncio.get_running_loop(), 960
    for _ in range(TURNS):
        done, heard = loop.create_future(), 0

        def hear(count: int, done: asyncio.Future[None] = done) -> None:
            nonlocal heard
            heard += count
            if heard >= changes * WATCHERS and not done.done():
                done.set_result(None)

        request = get(f"/api/v1/pods?watch=true&resourceVersion={revision}")
        watching = [
            await loop.create_connection(
                partial(Watch, request, hear), "127.0.0.1", peer.port, ssl=peer.context
            )
            for _ in range(WATCHERS)
        ]
        began, cpu = time.perf_counter(), peer.cpu_s()
        await rate(peer, creates(), changes)
        await asyncio.wait_for(done, 60)
        rates.append(heard / (time.perf_counter() - began))
        of_cpu.append(heard / (peer.cpu_s() - cpu))
        for _, watch in watching:
            watch.close()
        async with ApiClient(peer.url, peer.context) as client:
            revision = (await client.list(PODS, "kube-system")).resource_version
    note = f"{Sample(tuple(of_cpu)).median:,.0f} per second of the server's CPU, creates included; upstream 15,000"
    return line(f"events to {WATCHERS} watchers", Sample(tuple(rates)), "/s", "events", note)


async def at_half_load(peer: Peer, name: str) -> list[Line]:
    """p99 of creates and of gets, each at half of what its budget asks for."""
    lines = []
    for what, requests, most in (
        ("creates", creates(), 1500),
        ("gets", repeat(get(PODS.path("default", name))), 5000),
    ):
        connections = await connect(peer.port, peer.context, 64)
        took = await steady(connections, requests, most / 2, STEADY_S)
        for connection in connections:
            connection.close()
        note = f"at {most // 2:,}/s; p50 {percentile(took, 0.5) * 1e3:.1f} ms"
        lines.append(line(f"p99 of {what}", Sample.of(percentile(took, 0.99) * 1e3), "ms", "p99", note))
    return lines


async def bench(peer: Peer, directory: Path, pods: int) -> list[Line]:
    """All that a server which runs is asked."""
    async with ApiClient(peer.url, peer.context) as client:
        await client.create(SERVICEACCOUNTS, {"metadata": {"name": "default"}}, "default")
        name = (await client.create(PODS, pod(), "default"))["metadata"]["name"]
        body = await client.request("GET", PODS.path("default", name))
        lines = [await writes(peer, directory / "alone", pods)]
        lines.append(await reads(peer, directory / "echo", name, body))
        lines += await big_list(peer, name, pods)
        lines.append(await watches(peer, (await client.list(PODS, "kube-system")).resource_version))
        lines += await at_half_load(peer, name)
        await rate(peer, creates(), max(PODS_KEPT - await _count(client), 0))
        note = f"of {len(body) / 1e3:.1f} kB, {await _count(client):,} of them; upstream 945 MiB"
        memory = Sample.of(peer.memory_mb())
        lines.append(line(f"memory with {PODS_KEPT:,} pods", memory, "MB", "memory", note))
    return lines


async def _count(client: ApiClient) -> int:
    first = orjson.loads(await client.request("GET", "/api/v1/pods", query={"limit": "1"}))
    return 1 + int(first["metadata"].get("remainingItemCount", 0))


def fresh_command() -> Line:
    """`podwire api`, from the shell's fork to the line that it is ready."""
    took = []
    for _ in range(TURNS + 2):
        began = time.perf_counter()
        command = (sys.executable, "-I", "-m", "podwire", "api", "-o", "json")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            took.append((time.perf_counter() - began) * 1e3)
            process.terminate()
    return line("`podwire api` is ready", Sample(tuple(took)), "ms", "fresh", "controllers included")


def fresh_fixture() -> Line:
    """`kube_api`, as test after test gets it: asked for, used for one create, ended."""
    nursery, took = Nursery(), []
    try:
        for turn in range(12):
            began = time.perf_counter()
            api = nursery.make(AloneOptions())
            if turn:
                took.append((time.perf_counter() - began) * 1e3)
            client: TestClient = api.client()
            client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}, "default")
            nursery.end(api)
    finally:
        nursery.close()
    note = "after the run's first; each test makes one object"
    return line("`kube_api` for the next test", Sample(tuple(took)), "ms", "fixture", note)


def measure(pods: int = PODS_MADE) -> list[Line]:
    """A server of its own, in a directory that goes."""
    cores = os.sched_getaffinity(0)
    lines = [fresh_command(), fresh_fixture()]
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as peer:
        os.sched_setaffinity(0, {max(cores)})
        try:
            return lines + uvloop.run(bench(peer, Path(name), pods))
        finally:
            os.sched_setaffinity(0, cores)


BENCH = Bench(
    "api", "the API server on one core: writes, reads, a list, watches, latency, memory", 60, measure
)
