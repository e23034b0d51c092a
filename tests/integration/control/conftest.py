"""A real API server on the loopback for the controllers, the scheduler and DNS, and a hand that plays nodes."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control.api.config import ApiConfig
from control.api.server import ApiServer
from control.client.client import ApiClient
from control.client.resources import NODES, PODS
from control.errors import ApiError, Conflict, NotFound
from control.lab import pki


@dataclass(frozen=True)
class RunningApi:
    """Where the API server listens, and clients of it."""

    port: int
    directory: Path
    ca: pki.CertificateAuthority

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def client(self, user: str = "admin") -> ApiClient:
        context = ssl.create_default_context(cafile=self.ca.files.cert)
        pair = pki.issue(
            self.ca, self.directory, f"it-{user}", pki.Subject(user, ("system:masters",)), pki.Usage.CLIENT
        )
        context.load_cert_chain(pair.cert, pair.key)
        return ApiClient(self.url, context)


@pytest.fixture(scope="session")
def control_pki(tmp_path_factory: pytest.TempPathFactory):
    directory = tmp_path_factory.mktemp("control-pki")
    ca = pki.create_ca(directory)
    subject = pki.Subject("kube-apiserver", (), ("127.0.0.1", "kubernetes.default.svc"))
    serving = pki.issue(ca, directory, "apiserver", subject, pki.Usage.SERVER)
    return directory, ca, serving


@pytest.fixture
async def running_api(tmp_path: Path, control_pki):
    """An API server with an empty store."""
    directory, ca, serving = control_pki
    sock = socket.create_server(("127.0.0.1", 0))
    config = ApiConfig(
        store=tmp_path / "store.db",
        client_ca=ca.files.cert,
        serving_cert=serving.cert,
        serving_key=serving.key,
        sa_key=pki.service_account_key(directory),
        advertise_port=sock.getsockname()[1],
    )
    async with ApiServer(config) as server:
        task = asyncio.create_task(server.serve([sock]))
        await asyncio.wait_for(server.ready.wait(), 10)
        yield RunningApi(config.advertise_port, directory, ca)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def admin(running_api: RunningApi):
    async with running_api.client() as client:
        yield client


async def until(question: Callable[[], Any], what: str, *, seconds: float = 10) -> Any:
    """Poll until the (async) question has a true answer."""
    deadline, answer = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            answer = await question()
        except NotFound:
            answer = None
        if answer:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what} (last answer: {answer!r})")


@pytest.fixture(name="until")
def _until():
    return until


@asynccontextmanager
async def background(coroutine):
    """Run something beside the test; its failure is the test's."""
    task = asyncio.create_task(coroutine)
    try:
        yield task
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(name="background")
def _background():
    return background


def node(name: str, *, cpu: str = "4", labels: dict[str, str] | None = None, taints=()) -> dict[str, Any]:
    size = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": {"taints": list(taints)} if taints else {},
        "status": {
            "capacity": size,
            "allocatable": size,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "kubelet is posting ready status",
                    "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ],
        },
    }


class Kubelets:
    """Plays all kubelets: pods with a node become ready at once, pods that are deleted go at once."""

    def __init__(self, client: ApiClient, *, assign: bool) -> None:
        self._client, self._assign = client, assign
        self.unready: set[str] = set()
        self.start_ready = True
        self.hold_terminating = False
        self.ends: Callable[[dict[str, Any]], str] = lambda pod: ""
        """The phase in which a pod ends that was started; "" lets it run."""
        self._count = 0

    async def add_node(self, name: str, **more: Any) -> None:
        wanted = node(name, **more)
        made = await self._client.create(NODES, wanted)
        await self._client.update(NODES, {**made, "status": wanted["status"]}, subresource="status")

    async def run(self) -> None:
        while True:
            listed = await self._client.list(PODS)
            for pod in listed.items:
                await self._tend(pod)
            async for event in self._client.watch(PODS, resource_version=listed.resource_version):
                if event.type in ("ADDED", "MODIFIED"):
                    await self._tend(event.object)

    async def _tend(self, pod: dict[str, Any]) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        try:
            if pod["metadata"].get("deletionTimestamp"):
                if not self.hold_terminating:
                    await self._client.delete(PODS, name, namespace, grace_s=0)
            elif not pod["spec"].get("nodeName"):
                if self._assign:
                    target = {"kind": "Node", "name": "node-1"}
                    binding = {"metadata": {"name": name, "namespace": namespace}, "target": target}
                    await self._client.create(PODS, binding, namespace, name=name, subresource="binding")
            elif not (pod.get("status") or {}).get("podIP"):
                await self.set_ready(pod, ready=self.start_ready and name not in self.unready)
            elif (phase := self.ends(pod)) and pod["status"]["phase"] == "Running":
                await self._end(pod, phase)
        except (NotFound, Conflict):
            pass
        except ApiError as error:
            raise AssertionError(str(error)) from error

    async def _end(self, pod: dict[str, Any], phase: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {**c, "status": "False", "lastTransitionTime": now} if c["type"] == "Ready" else c
            for c in pod["status"]["conditions"]
        ]
        status = {**pod["status"], "phase": phase, "conditions": conditions}
        await self._client.update(PODS, {**pod, "status": status}, subresource="status")

    async def set_ready(self, pod: dict[str, Any], *, ready: bool) -> None:
        self._count += 1
        status = dict(pod.get("status") or {})
        ip = status.get("podIP") or f"10.244.{1 + self._count // 250}.{1 + self._count % 250}"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        others = [c for c in status.get("conditions") or () if c["type"] != "Ready"]
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": now}
        status |= {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "conditions": [*others, condition],
        }
        await self._client.update(PODS, {**pod, "status": status}, subresource="status")


@pytest.fixture
async def kubelets(running_api: RunningApi):
    """Kubelets that also stand in for the scheduler: every pod goes to node-1."""
    async with running_api.client("kubelets") as client:
        hand = Kubelets(client, assign=True)
        async with background(hand.run()):
            yield hand


@pytest.fixture
async def bare_kubelets(running_api: RunningApi):
    """Kubelets that wait for a scheduler."""
    async with running_api.client("kubelets") as client:
        hand = Kubelets(client, assign=False)
        async with background(hand.run()):
            yield hand
