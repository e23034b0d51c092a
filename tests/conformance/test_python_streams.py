"""exec, attach and port-forward by the Python clients, official and asyncio, on a lab."""

import asyncio
import socket
from typing import Any

import pytest
from kubernetes import client as k8s
from kubernetes import config as k8s_config
from kubernetes.stream import portforward, stream
from kubernetes_asyncio import client as aio
from kubernetes_asyncio import config as aio_config
from kubernetes_asyncio.stream import WsApiClient

from tests.conformance.streamed import TALK

pytestmark = pytest.mark.root


@pytest.fixture
def talk(lab: Any) -> Any:
    lab.create(TALK)
    lab.ready_pod("talk")
    return lab


@pytest.fixture
def core(talk: Any) -> k8s.CoreV1Api:
    # A client of its own for each call: stream() and portforward() change the one that they are given.
    return k8s.CoreV1Api(k8s_config.new_client_from_config(str(talk.directory.kubeconfig)))


def test_the_official_client_execs(talk: Any, core: k8s.CoreV1Api) -> None:
    command = ["sh", "-c", "read x; echo out $x; echo err >&2; exit 5"]
    opened = stream(
        core.connect_get_namespaced_pod_exec,
        "talk",
        talk.namespace,
        container="main",
        command=command,
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    opened.write_stdin("word\n")
    opened.run_forever(timeout=20)
    assert opened.read_stdout() == "out word\n"
    assert opened.read_stderr() == "err\n"
    assert opened.returncode == 5


def test_the_official_client_execs_and_waits(talk: Any, core: k8s.CoreV1Api) -> None:
    said = stream(
        core.connect_get_namespaced_pod_exec,
        "talk",
        talk.namespace,
        container="main",
        command=["head", "-c", "300000", "/dev/zero"],
        stdout=True,
        stderr=True,
        stdin=False,
        tty=False,
    )
    assert len(said) == 300_000


def test_the_official_client_attaches(talk: Any, core: k8s.CoreV1Api) -> None:
    opened = stream(
        core.connect_get_namespaced_pod_attach,
        "talk",
        talk.namespace,
        container="ear",
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    opened.write_stdin("hello\n")
    assert opened.readline_stdout(timeout=20) == "heard hello"
    opened.close()


def test_the_official_client_forwards_several_ports(talk: Any, core: k8s.CoreV1Api) -> None:
    forward = portforward(
        core.connect_get_namespaced_pod_portforward, "talk", talk.namespace, ports="80,9000,81"
    )
    web = forward.socket(80)
    web.setblocking(True)
    web.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b'"pod":"talk"' in whole(web, b'"pod"')
    echo = forward.socket(9000)
    echo.setblocking(True)
    sent = b"x" * 200_000
    echo.sendall(sent)
    found = b""
    while len(found) < len(sent):
        found += echo.recv(65536)
    assert found == sent
    talk.until(lambda: forward.error(81))
    assert "dial tcp4 127.0.0.1:81: connect: connection refused" in forward.error(81)
    assert forward.error(80) is None
    forward.close()


def whole(plug: socket.socket, until: bytes) -> bytes:
    found = b""
    while until not in found and (data := plug.recv(65536)):
        found += data
    return found


async def test_the_asyncio_client_execs(talk: Any) -> None:
    settings = aio.Configuration()
    await aio_config.load_kube_config(str(talk.directory.kubeconfig), client_configuration=settings)
    async with WsApiClient(configuration=settings) as api, asyncio.timeout(30):
        core = aio.CoreV1Api(api)
        said = await core.connect_get_namespaced_pod_exec(
            "talk", talk.namespace, container="main", command=["hostname"], stdout=True, stderr=True, stdin=False,
            tty=False,
        )  # fmt: skip
        assert said == "talk\n"
        opened = await core.connect_get_namespaced_pod_exec(
            "talk", talk.namespace, container="main", command=["sh", "-c", "read x; echo got $x; exit 3"], stdin=True,
            stdout=True, stderr=True, tty=False, _preload_content=False,
        )  # fmt: skip
        async with opened as wire:
            await wire.send_bytes(b"\x00word\n")
            seen: dict[int, bytes] = {}
            async for message in wire:
                seen[message.data[0]] = seen.get(message.data[0], b"") + message.data[1:]
        assert seen[1] == b"got word\n"
        assert WsApiClient.parse_error_data(seen[3].decode()) == 3
