"""HTTP through the API server: pods/proxy and services/proxy."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from control.client.client import ApiClient
from control.client.resources import PODS, SERVICES
from control.errors import NotFound, ServiceUnavailable
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
