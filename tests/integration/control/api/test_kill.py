"""`kill -9` at random moments while many clients write: what was acknowledged is there, and nothing is there by half."""

import asyncio
import json
import random
import signal
import sqlite3
import ssl
import sys
from pathlib import Path

import pytest

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS
from control.lab.pki import KeyPair
from tests.integration.control.api.history import Client, value_of

CLIENTS, NAMES = 16, 6


async def _start(data: Path) -> tuple[asyncio.subprocess.Process, int]:
    """`podwire api` on a directory, and its port."""
    command = (sys.executable, "-I", "-m", "podwire", "api", "--no-controllers", "-o", "json", "--data", data)
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    return process, json.loads(line)["port"]


def _client(data: Path, port: int) -> ApiClient:
    admin = KeyPair.at(data / "pki", "admin")
    context = ssl.create_default_context(cafile=str(data / "pki" / "ca.crt"))
    context.load_cert_chain(admin.cert, admin.key)
    return ApiClient(f"https://127.0.0.1:{port}", context)


async def _kills(data: Path, times: int) -> int:
    """Kill it so many times; how many writes were acknowledged over all."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    moments, clients = random.Random(seed), [Client(number, NAMES) for number in range(CLIENTS)]
    process, port = await _start(data)
    acknowledged, highest = 0, 0
    for _ in range(times):
        async with _client(data, port) as api:
            writing = [asyncio.create_task(client.write(api)) for client in clients]
            # The moment is the point of the test, not a wait for something.
            await asyncio.sleep(moments.uniform(0.02, 0.4))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await asyncio.gather(*writing)
        process, port = await _start(data)
        async with _client(data, port) as api:
            acknowledged = sum(await asyncio.gather(*(client.judge(api) for client in clients)))
            listed = await api.list(CONFIGMAPS, "default")
        mine = {name for client in clients for name, state in client.names.items() if state.known is not None}
        assert {obj["metadata"]["name"] for obj in listed.items} == mine
        for obj in listed.items:
            value_of(obj)
        told = [
            revision for client in clients for name in client.names.values() for revision in name.revisions
        ]
        assert len(set(told)) == len(told), "no revision was given twice, over all lives of the server"
        highest = max(highest, *told)
        assert int(listed.resource_version) >= highest
    process.terminate()
    assert await process.wait() == 0
    assert sqlite3.connect(data / "objects.sqlite").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return acknowledged


async def test_what_was_acknowledged_survives_ten_kills(tmp_path: Path) -> None:
    assert await _kills(tmp_path / "data", 10) > 100


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_what_was_acknowledged_survives_a_hundred_kills(tmp_path: Path) -> None:
    """About two minutes."""
    assert await _kills(tmp_path / "data", 100) > 1000
