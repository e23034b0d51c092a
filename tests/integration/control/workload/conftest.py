"""A zygote of the test's own, a pod's network namespace, and a container in one line."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from control.workload.machine import DEFAULT_CAPABILITIES
from control.workload.request import ContainerRecord, ContainerRequest, SandboxRequest
from control.workload.runtime import ContainerHandle, ZygoteClient
from control.workload.standin.plan import StandInPlan
from dataplane.host.cgroup import LabCgroup
from dataplane.netns.create import create, delete
from dataplane.netns.names import NamespaceName

_SERVE = """
import sys
from control.workload.request import ZygoteConfig
from control.workload.zygote import serve
serve(ZygoteConfig(sys.argv[1], sys.argv[2]))
"""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass
class Workbench:
    """A zygote, its client, and one sandbox to put containers in."""

    client: ZygoteClient
    process: subprocess.Popen
    home: Path
    netns: str
    cgroup: Path
    exits: dict[str, asyncio.Future] = field(default_factory=dict)
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))

    def hear(self, record: ContainerRecord) -> None:
        self.ended(record.id).set_result(record)

    def ended(self, container_id: str) -> asyncio.Future:
        return self.exits.setdefault(container_id, asyncio.get_running_loop().create_future())

    def open_netns(self) -> int:
        return os.open(f"/run/netns/{self.netns}", os.O_RDONLY)

    async def sandbox(self, hostname: str = "web-0") -> None:
        request = SandboxRequest(self.uid, "node-1", "shop", "web-0", hostname, str(self.cgroup / self.uid))
        await self.client.sandbox(request)

    def request(self, *argv: str, **fields) -> ContainerRequest:
        want = {
            "id": secrets.token_hex(32),
            "uid": self.uid,
            "node": "node-1",
            "container": "c",
            "attempt": 0,
            "cgroup": str(self.cgroup / self.uid / "c"),
            "argv": argv,
            "capabilities": DEFAULT_CAPABILITIES,
            "known_base": True,
        }
        return ContainerRequest(**{**want, **fields})

    async def start(self, request: ContainerRequest) -> ContainerHandle:
        netns = self.open_netns()
        try:
            return await self.client.start(request, netns)
        finally:
            os.close(netns)

    async def run(self, *argv: str, **fields) -> Ended:
        """A command to its end, with what it wrote."""
        request = self.request(*argv, **fields)
        handle = await self.start(request)
        out, err = await asyncio.gather(
            asyncio.to_thread(_all, handle.streams.stdout), asyncio.to_thread(_all, handle.streams.stderr)
        )
        async with asyncio.timeout(20):
            record = await self.ended(request.id)
        await self.client.remove(request.id)
        return Ended(record.exit_code, out, err)

    async def shell(self, script: str, **fields) -> Ended:
        return await self.run("sh", "-c", script, **fields)

    async def stand_in(self, *tcp: int, **fields) -> ContainerHandle:
        plan = StandInPlan("web-0", "shop", "node-1", "c", "shop:1", tcp=tcp, drain_s=0.2)
        plan_fields = {k: fields.pop(k) for k in list(fields) if k in StandInPlan.__slots__}
        text = json.dumps({**json.loads(plan.to_text()), **plan_fields})
        return await self.start(self.request(known_base=False, standin=text, **fields))


def _all(descriptor: int) -> str:
    data = b""
    while piece := os.read(descriptor, 65536):
        data += piece
    os.close(descriptor)
    return data.decode(errors="replace")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A PODWIRE_HOME that only root may look into."""
    directory = Path(tempfile.mkdtemp(prefix="podwire-test-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def zygote(home: Path) -> Iterator[subprocess.Popen]:
    """One zygote for the tests of a file."""
    process = subprocess.Popen([sys.executable, "-c", _SERVE, str(home / "zygote.sock"), str(home)])
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(10)


@pytest.fixture
async def bench(home: Path, zygote: subprocess.Popen) -> AsyncIterator[Workbench]:
    """A zygote with one sandbox named web-0, in a lab of the test's own."""
    lab = f"t{secrets.token_hex(4)}"
    netns = str(NamespaceName(lab, "pod"))
    group = LabCgroup(lab)
    group.create()
    create(netns)
    client = ZygoteClient(str(home / "zygote.sock"))
    bench = Workbench(client, zygote, home, netns, group.path)
    try:
        await client.connect(20.0)
        client.on_exit = bench.hear
        await client.subscribe("node-1")
        await bench.sandbox()
        yield bench
        await client.remove_pod(bench.uid)
    finally:
        client.close()
        delete(netns)
        group.kill()
        group.remove()
