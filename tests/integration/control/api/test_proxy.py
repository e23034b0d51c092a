"""HTTP through the API server: pods/proxy and services/proxy."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from control.client.client import ApiClient
from control.client.resources import PODS, SERVICES
from control.errors import NotFound, ServiceUnavailable
from control.lab import pki
from control.store.contract import Attributes, Key
from tests.integration.control.api.conftest import Served
from tests.integration.control.api.objects import pod, service

PREFIX = "/api/v1/namespaces/default"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A program that tells what it was asked."""

    async def tell(request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        told = {"method": request.method, "path": request.path_qs, "body": body}
        told["authorization"] = request.headers.get("Authorization", "")
        return web.json_response(told, status=201, headers={"X-Here": "yes"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", tell)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def running(client: ApiClient) -> None:
    await client.create(PODS, pod("a", nodeName="node-1"), "default")
    status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}
    await client.patch(PODS, "a", "default", {"status": status}, subresource="status")


async def test_a_request_reaches_the_pod_as_it_is(client: ApiClient, port: int) -> None:
    await running(client)
    url = f"{PREFIX}/pods/a:{port}/proxy/some/path%20here"
    told = orjson.loads(await client.request("POST", url, query={"x": "1"}, body=b"hello"))

    assert told == {"method": "POST", "path": "/some/path%20here?x=1", "body": "hello", "authorization": ""}


async def test_a_pod_that_is_not_there_or_does_not_listen(client: ApiClient) -> None:
    await running(client)

    with pytest.raises(NotFound, match='pods "b" not found'):
        await client.request("GET", f"{PREFIX}/pods/b:80/proxy/")
    with pytest.raises(ServiceUnavailable, match=r"dial tcp 127.0.0.1:1: connect: connection refused"):
        await client.request("GET", f"{PREFIX}/pods/a:1/proxy/")


async def test_a_service_is_reached_at_a_ready_endpoint(client: ApiClient, served: Served, port: int) -> None:
    ports = [{"name": "web", "port": 80, "targetPort": port}, {"name": "other", "port": 81}]
    await client.create(SERVICES, service("door", ports=ports), "default")
    with pytest.raises(ServiceUnavailable, match='no endpoints available for service "door"'):
        await client.request("GET", f"{PREFIX}/services/door:web/proxy/")
    # Put there by hand: validation rightly refuses a loopback address.
    labels = {"kubernetes.io/service-name": "door"}
    entry: dict[str, Any] = {
        "metadata": {"name": "door-1", "namespace": "default", "labels": labels},
        "endpoints": [
            {"addresses": ["127.0.0.9"], "conditions": {"ready": False}},
            {"addresses": ["127.0.0.1"], "conditions": {"ready": True}},
        ],
        "ports": [{"name": "web", "port": port}],
    }
    key = Key("discovery.k8s.io/endpointslices", "default", "door-1")
    await served.server.store.create(key, entry, Attributes(labels, {}))

    for name in ("door:web", "door:80", "http:door:web"):
        told = orjson.loads(await client.request("GET", f"{PREFIX}/services/{name}/proxy/x"))
        assert told["path"] == "/x"
    with pytest.raises(ServiceUnavailable, match='no service port "90" found for service "door"'):
        await client.request("GET", f"{PREFIX}/services/door:90/proxy/x")


async def test_a_websocket_passes_through_to_the_pod(client: ApiClient, served: Served) -> None:
    """Upgrades are carried byte by byte: the subprotocol, messages of both kinds, a ping, the close."""

    async def talk(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("chat",))
        await socket.prepare(request)
        async for message in socket:
            if message.data == "leave":
                await socket.close(code=4001, message=b"as asked")
            elif isinstance(message.data, str):
                await socket.send_str(f"{request.path_qs} {message.data}")
            else:
                await socket.send_bytes(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", talk)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    await running(client)
    subject = pki.Subject("ws", ("system:masters",))
    pair = pki.issue(served.ca, served.directory, "ws", subject, pki.Usage.CLIENT)
    context = ssl.create_default_context(cafile=str(served.ca.files.cert))
    context.load_cert_chain(pair.cert, pair.key)
    url = f"{served.url}{PREFIX}/pods/a:{port}/proxy/room?n=1"
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            async with session.ws_connect(url, ssl=context, protocols=("chat", "other")) as socket:
                assert socket.protocol == "chat"
                await socket.send_str("hello")
                assert (await socket.receive_str()) == "/room?n=1 hello"
                await socket.send_bytes(b"x" * 1_000_000)
                assert len(await socket.receive_bytes()) == 1_000_000
                await socket.ping()
                await socket.send_str("leave")
                end = await socket.receive()
                assert (end.type, end.data, end.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "as asked")
            plain = await session.get(url, ssl=context)
            assert (plain.status, "No WebSocket UPGRADE" in await plain.text()) == (400, True), (
                "the pod's answer"
            )
    finally:
        await runner.cleanup()
