"""exec and port-forward as no good client asks for them: through the API server to a real kubelet."""

import asyncio
import base64
import os
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from control.client.resources import PODS
from control.streaming import raw
from tests.integration.control.agents.pods import pod, shell

pytestmark = pytest.mark.root
UPGRADE = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}


@pytest.fixture
async def ask(lab: Any) -> AsyncIterator[Any]:
    """(method, what's below the pod's URL, headers) → the answer, as a context."""
    lab.create(pod("talk", shell("sleep 1000")))
    lab.ready_pod("talk")
    context: ssl.SSLContext = lab.api._tls
    base = f"https://127.0.0.1:{lab.api.port}/api/v1/namespaces/{lab.namespace}/pods/talk/"
    async with aiohttp.ClientSession() as session:

        def request(method: str, rest: str, headers: dict[str, str]) -> Any:
            return session.request(method, base + rest, headers=headers, ssl=context)

        request.ws = lambda rest, *protocols: session.ws_connect(
            base + rest, ssl=context, protocols=protocols
        )  # type: ignore[attr-defined]
        yield request


@pytest.mark.parametrize("rest", ["exec?command=true&stdout=1", "portforward?ports=80"])
async def test_who_asks_for_no_upgrade_is_told(ask: Any, rest: str) -> None:
    async with ask("POST", rest, {}) as answer:
        assert answer.status == 400
        assert (await answer.json())["message"] == "Upgrade request required"


@pytest.mark.parametrize("rest", ["exec?command=true&stdout=1", "portforward?ports=80"])
async def test_another_upgrade_is_refused(ask: Any, rest: str) -> None:
    async with ask("POST", rest, {"Connection": "Upgrade", "Upgrade": "telnet"}) as answer:
        assert answer.status == 400
        assert "WebSocket or SPDY/3.1 is needed" in await answer.text()


@pytest.mark.parametrize("rest", ["exec?command=true&stdout=1", "portforward?ports=80"])
async def test_protocols_that_nobody_shares_are_named(ask: Any, rest: str) -> None:
    async with ask("POST", rest, {**UPGRADE, "X-Stream-Protocol-Version": "v9.channel.k8s.io"}) as answer:
        assert answer.status == 403
        assert "client supports [v9.channel.k8s.io], server accepts [" in await answer.text()


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ("", 'query parameter "port" is required'),
        ("?ports=70000", "70000"),
        ("?ports=x", "x"),
        ("?ports=0", "0"),
    ],
)
async def test_ports_that_are_none_are_refused(ask: Any, ports: str, words: str) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}  # fmt: skip
    async with ask("GET", f"portforward{ports}", headers) as answer:
        assert answer.status == 400
        assert words in await answer.text()


@pytest.mark.parametrize("rest", ["exec?command=cat&stdin=1&stdout=1", "portforward"])
async def test_nonsense_after_the_upgrade_ends_the_connection_and_no_other(ask: Any, rest: str) -> None:
    for nonsense in (b"\x80\x02\x00\x01\x00\x00\x00\x00", b"\x80\x03\x00\x01\x00\xff\xff\xff"):
        async with asyncio.timeout(20), ask("POST", rest, UPGRADE) as answer:
            assert answer.status == 101
            wire = raw.dialled(answer)
            await wire.write(nonsense)
            while await wire.read():
                pass
    async with ask(
        "POST", rest, UPGRADE
    ) as answer:  # the head of a data frame that never comes; then it leaves
        await raw.dialled(answer).write(b"GET / HTTP/1.1\r\n\r\n")
    async with ask.ws("exec?command=echo&command=well&stdout=1", "v5.channel.k8s.io") as socket:
        said = b"".join([m.data[1:] async for m in socket if m.data[:1] == b"\1"])
        assert said == b"well\n"


async def test_channels_in_base64(ask: Any) -> None:
    async with ask.ws("portforward?ports=81", "v4.base64.channel.k8s.io") as socket:
        first, second, third = [message.data async for message in socket]
    assert (first[0], base64.b64decode(first[1:])) == ("0", (81).to_bytes(2, "little"))
    assert (second[0], base64.b64decode(second[1:])) == ("1", (81).to_bytes(2, "little"))
    assert third[0] == "1"
    assert b"connection refused" in base64.b64decode(third[1:])


async def test_clients_that_come_and_go_leave_nothing_open(lab: Any, ask: Any) -> None:
    """Ended in order, left in the middle, and left while it begins; the kubelet's descriptors are as before."""
    plug = {**UPGRADE, "X-Stream-Protocol-Version": "v4.channel.k8s.io"}
    agent = kubelet_of(lab, lab.api.get(PODS, "talk", lab.namespace)["spec"]["nodeName"])
    sleeping = "exec?command=sleep&command=3210&stdin=1&stdout=1&stderr=1"

    async def once() -> None:
        async with ask.ws("exec?command=cat&stdin=1&stdout=1&stderr=1", "v5.channel.k8s.io") as socket:
            await socket.send_bytes(b"\xff\0")
            async for _ in socket:
                continue
        async with ask.ws(sleeping, "v5.channel.k8s.io") as socket:
            await socket.receive()
        async with ask("POST", sleeping, plug) as answer:
            raw.dialled(answer).close()
        async with ask.ws("portforward?ports=81", "v4.channel.k8s.io") as socket:
            await socket.receive()

    def rest() -> bool:
        look = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done"
        return "sleep 3210" not in lab.kubectl("exec", "talk", "--", "sh", "-c", look)

    await once()
    await asyncio.to_thread(lab.until, rest)
    before = len(os.listdir(f"/proc/{agent}/fd"))
    await asyncio.gather(*(once() for _ in range(12)))
    await asyncio.to_thread(lab.until, rest, what="what they began is ended")
    await asyncio.to_thread(lab.until, lambda: len(os.listdir(f"/proc/{agent}/fd")) <= before)


def kubelet_of(lab: Any, node: str) -> int:
    listing = lab.node(node).run("ss", "-Hltnp", "sport = :10250")
    return int(listing.split("pid=")[1].split(",")[0])
