"""Row `api`: the API server on one core, all checks on: durable creates, gets, a list, watch events, a fresh API.

The server has a process and a core of its own, the client another; beside each value stand the same per second of the
server's CPU (which a busy machine disturbs less), the store alone in the same run (the floor of creates), and what
upstream's API machinery on etcd did on such a machine.
"""

import asyncio
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from control.api.config import ApiConfig
from control.api.server import ApiServer
from control.client.client import ApiClient
from control.client.resources import PODS, SERVICEACCOUNTS
from control.lab import pki
from control.store.contract import Attributes, Key
from control.store.sqlite import SqliteStore
from tests.bench.harness import Bench, Better, Line, Sample, budget

PODS_MADE, CONNECTIONS, WATCHERS = 5000, 32, 50


def pod() -> dict[str, Any]:
    """About 2.2 kB once it is filled in, 4 kB with its managed fields."""
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


@dataclass(frozen=True)
class Peer:
    """The server's process, and how a client reaches it."""

    pid: int
    url: str
    context: ssl.SSLContext

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def serve(config: ApiConfig, sock: socket.socket) -> None:
    async with ApiServer(config) as server:
        await server.serve([sock])


def start(directory: Path) -> Peer:
    ca = pki.create_ca(directory)
    server = pki.issue(ca, directory, "api", pki.Subject("api", (), ("127.0.0.1",)), pki.Usage.SERVER)
    admin = pki.issue(ca, directory, "admin", pki.Subject("admin", ("system:masters",)), pki.Usage.CLIENT)
    config = ApiConfig(
        directory / "store.db", ca.files.cert, server.cert, server.key, pki.service_account_key(directory)
    )
    sock = socket.create_server(("127.0.0.1", 0), backlog=512)
    pid = os.fork()
    if pid == 0:
        try:
            os.sched_setaffinity(0, {0})
            uvloop.run(serve(config, sock))
        finally:
            os._exit(0)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    context = ssl.create_default_context(cafile=ca.files.cert)
    context.load_cert_chain(admin.cert, admin.key)
    return Peer(pid, f"https://127.0.0.1:{sock.getsockname()[1]}", context)


async def rate(peer: Peer, count: int, one: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Calls a second, and a second of the server's CPU, over CONNECTIONS at once."""

    async def some() -> None:
        for _ in range(count // CONNECTIONS):
            await one()

    began, cpu = time.perf_counter(), peer.cpu_s()
    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))
    done = count // CONNECTIONS * CONNECTIONS
    return done / (time.perf_counter() - began), done / max(peer.cpu_s() - cpu, 0.01)


async def store_alone(directory: Path) -> float:
    """Durable creates a second without HTTP, checks or admission."""
    async with SqliteStore(directory / "floor.db") as store:
        began = time.perf_counter()

        async def some(first: int) -> None:
            for number in range(60):
                key = Key("/pods", "default", f"p{first}-{number}")
                await store.create(key, {**pod(), "metadata": {"name": key.name}}, Attributes({}, {}))

        await asyncio.gather(*(some(first) for first in range(CONNECTIONS)))
        return CONNECTIONS * 60 / (time.perf_counter() - began)


def line(what: str, value: float, unit: str, name: str, note: str, floor: float | None = None) -> Line:
    """A value with its budget; floor: of the store alone."""
    better: Better = "lower" if unit == "ms" else "higher"
    floors = Sample.of(floor) if floor is not None else None
    floor_is = "the store alone, without HTTP and checks" if floor is not None else ""
    return Line("api", what, Sample.of(value), unit, better, floors, floor_is, budget(f"api-{name}"), note)


async def bench(peer: Peer, directory: Path, pods: int, fresh_ms: float) -> list[Line]:
    """All that a server which runs is asked."""
    lines = [line("a fresh API answers", fresh_ms, "ms", "fresh", "forked from a warm process")]
    async with ApiClient(peer.url, peer.context) as client:
        await client.create(SERVICEACCOUNTS, {"metadata": {"name": "default"}}, "default")
        made = await client.create(PODS, pod(), "default")
        name = made["metadata"]["name"]
        creates = await rate(peer, pods, lambda: client.create(PODS, pod(), "default"))
        note = f"{creates[1]:,.0f} per second of the server's CPU; upstream 276"
        lines.append(line("durable creates", creates[0], "/s", "creates", note, await store_alone(directory)))
        gets = await rate(peer, 10_000, lambda: client.request("GET", PODS.path("default", name)))
        note = f"{gets[1]:,.0f} per second of the server's CPU; upstream 2,150"
        lines.append(line("gets", gets[0], "/s", "gets", note))
        began, cpu = time.perf_counter(), peer.cpu_s()
        size = len(await client.request("GET", "/api/v1/pods"))
        took, used = (time.perf_counter() - began) * 1e3, (peer.cpu_s() - cpu) * 1e3
        note = (
            f"{size / 1e6:.0f} MB, {used:.0f} ms of the server's CPU; upstream 1,070 ms for 5,000 of 3.2 kB"
        )
        lines.append(line(f"a list of {pods:,} pods", took, "ms", "list", note))
        events = await watch_rate(peer, client)
        note = f"{events[1]:,.0f} per second of the server's CPU; upstream 15,000"
        lines.append(line(f"events to {WATCHERS} watchers", events[0], "/s", "events", note))
    return lines


async def watch_rate(peer: Peer, client: ApiClient) -> tuple[float, float]:
    revision = (await client.list(PODS, "kube-system")).resource_version
    heard, changes = 0, 1280

    async def follow(session: aiohttp.ClientSession) -> None:
        nonlocal heard
        query = {"watch": "true", "resourceVersion": revision}
        async with session.get(f"{peer.url}/api/v1/pods", params=query) as answer:
            async for chunk in answer.content.iter_any():
                heard += chunk.count(b"\n")

    connector = aiohttp.TCPConnector(ssl=peer.context, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as session:
        followers = [asyncio.create_task(follow(session)) for _ in range(WATCHERS)]
        began, cpu = time.perf_counter(), peer.cpu_s()
        await rate(peer, changes, lambda: client.create(PODS, pod(), "default"))
        while heard < changes * WATCHERS:
            await asyncio.sleep(0.005)
        took, used = time.perf_counter() - began, peer.cpu_s() - cpu
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    return heard / took, heard / used


async def answers(peer: Peer) -> None:
    async with ApiClient(peer.url, peer.context) as client:
        await client.request("GET", "/readyz")


def measure(pods: int = PODS_MADE) -> list[Line]:
    """A server of its own, in a directory that goes."""
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        peer = start(Path(name))
        try:
            uvloop.run(answers(peer))
            fresh_ms = (time.perf_counter() - began) * 1e3
            return uvloop.run(bench(peer, Path(name), pods, fresh_ms))
        finally:
            os.kill(peer.pid, 9)
            os.waitpid(peer.pid, 0)
            os.sched_setaffinity(0, cores)


BENCH = Bench("api", "the API server on one core: creates, gets, a list, watch events", 40, measure)
