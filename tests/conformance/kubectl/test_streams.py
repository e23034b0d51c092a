"""logs, exec and attach: kubectl to the API server to a kubelet, which here is a small one of the test's."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import WSMsgType, web

from control.client.client import ApiClient
from control.client.resources import NODES, PODS
from control.lab import pki
from tests.integration.control.api.conftest import Kubectl, Served
from tests.integration.control.api.objects import pod

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


@dataclass
class Kubelet:
    """Answers logs with a line a request parameter, and exec by sending back what it gets in capitals."""

    asked: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    port: int = 0

    async def logs(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self._note(request)
        if request.match_info["container"] == "late":
            return web.Response(
                status=400, text='container "late" in pod "a" is waiting to start: ContainerCreating'
            )
        answer = web.StreamResponse()
        await answer.prepare(request)
        for number in range(3):
            await answer.write(b"line %d\n" % number)
            await asyncio.sleep(0)
        return answer

    async def exec(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self._note(request)
        if request.match_info["container"] == "late":
            return web.Response(status=500, text='container not found ("late")')
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io", "v4.channel.k8s.io"))
        await socket.prepare(request)
        words = request.query.getall("command", [])
        if "input" in request.query:
            async for message in socket:
                if message.type is not WSMsgType.BINARY or message.data[0] == CLOSE:
                    break
                if message.data[0] == STDIN:
                    await socket.send_bytes(bytes([STDOUT]) + message.data[1:].upper())
        else:
            await socket.send_bytes(bytes([STDOUT]) + " ".join(words).encode() + b"\n")
            await socket.send_bytes(bytes([STDERR]) + b"complaint\n")
        code = int(words[-1]) if words and words[-1].isdigit() else 0
        await socket.send_bytes(bytes([ERROR]) + orjson.dumps(ended(code)))
        await socket.close()
        return socket

    def _note(self, request: web.Request) -> None:
        assert request.transport is not None
        subject = request.transport.get_extra_info("peercert")["subject"]
        self.users += [value for rdn in subject for kind, value in rdn if kind == "commonName"]


def ended(code: int) -> dict[str, Any]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


@pytest.fixture
async def served(serve: Any, authority: Any) -> AsyncIterator[Served]:
    directory, ca = authority
    name = "kube-apiserver-kubelet-client"
    pair = pki.issue(ca, directory, name, pki.Subject(name, ("system:masters",)), pki.Usage.CLIENT)
    async with serve(kubelet_cert=pair.cert, kubelet_key=pair.key) as one:
        yield one


@pytest.fixture
async def kubelet(served: Served, client: ApiClient) -> AsyncIterator[Kubelet]:
    """Serves as node-1's kubelet, with pod a (containers main and late) on it."""
    subject = pki.Subject("system:node:node-1", ("system:nodes",), ("127.0.0.1",))
    pair = pki.issue(served.ca, served.directory, "kubelet", subject, pki.Usage.SERVER)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=served.ca.files.cert)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(pair.cert, pair.key)
    kubelet = Kubelet()
    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", kubelet.logs)
    app.router.add_route("*", "/exec/{namespace}/{pod}/{container}", kubelet.exec)
    app.router.add_route("*", "/attach/{namespace}/{pod}/{container}", kubelet.exec)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    kubelet.port = runner.addresses[0][1]
    await client.create(NODES, {"metadata": {"name": "node-1"}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port}},
    }
    await client.patch(NODES, "node-1", None, {"status": status}, subresource="status")
    obj = pod("a", nodeName="node-1")
    obj["spec"]["containers"].append({"name": "late", "image": "x"})
    await client.create(PODS, obj, "default")
    await client.patch(PODS, "a", "default", {"status": {"phase": "Running"}}, subresource="status")
    try:
        yield kubelet
    finally:
        await runner.cleanup()


async def test_logs_come_from_the_kubelet(kubectl: Kubectl, kubelet: Kubelet) -> None:
    said = await kubectl("logs", "a", "-c", "main", "--tail=3", "--timestamps")

    assert said.out == "line 0\nline 1\nline 2\n", said.err
    assert kubelet.asked == ["/containerLogs/default/a/main?timestamps=true&tailLines=3"]
    assert kubelet.users == ["kube-apiserver-kubelet-client"]


async def test_refusals_of_logs(kubectl: Kubectl, kubelet: Kubelet) -> None:
    waiting = await kubectl("logs", "a", "-c", "late")
    assert waiting.err == (
        'Error from server (BadRequest): container "late" in pod "a" is waiting to start: ContainerCreating\n'
    )
    nobody = await kubectl("logs", "a", "-c", "nobody")
    assert "container nobody is not valid for pod a" in nobody.err


async def test_exec_runs_and_tells_the_exit_code(kubectl: Kubectl, kubelet: Kubelet) -> None:
    said = await kubectl("exec", "a", "-c", "main", "--", "echo", "hello", "7")

    assert said.out == "echo hello 7\n"
    assert "complaint\n" in said.err
    assert said.code == 7
    assert kubelet.asked[0] == "/exec/default/a/main?output=1&error=1&command=echo&command=hello&command=7"


async def test_exec_carries_what_is_typed(kubectl: Kubectl, kubelet: Kubelet) -> None:
    typed = "".join(f"line {number}\n" for number in range(20_000))
    said = await kubectl("exec", "-i", "a", "-c", "main", "--", "cat", stdin=typed)

    assert said.out == typed.upper(), said.err


async def test_a_kubelet_that_is_gone_is_told(kubectl: Kubectl, kubelet: Kubelet, client: ApiClient) -> None:
    status = {"daemonEndpoints": {"kubeletEndpoint": {"Port": 1}}}
    await client.patch(NODES, "node-1", None, {"status": status}, subresource="status")

    said = await kubectl("logs", "a", "-c", "main")
    assert 'Get "https://127.0.0.1:1/containerLogs/default/a/main": dial tcp 127.0.0.1:1:' in said.err
    assert "connect: connection refused" in said.err
    said = await kubectl("exec", "a", "-c", "main", "--", "true")
    assert "connection refused" in said.err


async def test_a_container_that_does_not_run_is_told(kubectl: Kubectl, kubelet: Kubelet) -> None:
    said = await kubectl("exec", "a", "-c", "late", "--", "true")
    assert 'unable to upgrade connection: container not found ("late")' in said.err
