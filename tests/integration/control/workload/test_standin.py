"""A stand-in over real sockets in its pod's namespace: any protocol on any port, and a gentle end."""

import asyncio
import json
import signal
import socket
import time

import pytest

from control.agents.probe_io import http_get, probe_grpc, probe_http, probe_tcp
from dataplane.netns.enter import SocketMaker

pytestmark = pytest.mark.root


@pytest.fixture
def make_socket(bench):
    with SocketMaker(bench.netns) as maker:
        yield maker.socket


async def ask(make_socket, path="/", port=8080, host="127.0.0.1"):
    joined = f"[{host}]" if ":" in host else host
    status, _, body = await http_get(make_socket, f"http://{joined}:{port}{path}", {"Host": "x"})
    return status, json.loads(body)


async def test_http_is_answered_with_who_it_is_and_what_it_saw(bench, make_socket):
    await bench.stand_in(8080)
    status, body = await ask(make_socket, "/cart?x=1")
    assert status == 200
    assert {key: body[key] for key in ("pod", "namespace", "node", "image", "hostname", "path")} == {
        "pod": "web-0", "namespace": "shop", "node": "node-1", "image": "shop:1", "hostname": "web-0", "path": "/cart?x=1",
    }  # fmt: skip
    assert body["source"].startswith("127.0.0.1:")


async def test_both_families_are_served_on_every_port(bench, make_socket):
    await bench.stand_in(8080, 9090)
    for port in (8080, 9090):
        for host in ("127.0.0.1", "::1"):
            assert (await ask(make_socket, port=port, host=host))[0] == 200


async def test_the_four_kinds_of_probe_are_satisfied(bench, make_socket):
    await bench.stand_in(8080)
    action = {"path": "/_healthz", "httpHeaders": [{"name": "Cookie", "value": "shop_session-id=x"}]}
    assert (await probe_http(make_socket, "127.0.0.1", 8080, action, 2)).healthy
    assert (await probe_tcp(make_socket, "127.0.0.1", 8080, 2)).healthy
    assert await probe_grpc(make_socket, "127.0.0.1", 8080, "", 2) == await probe_grpc(
        make_socket, "127.0.0.1", 8080, "any.Service", 2
    )
    assert (await probe_grpc(make_socket, "127.0.0.1", 8080, "", 2)).healthy


async def test_probes_tell_what_is_wrong_in_upstream_s_words(bench, make_socket):
    refused = await probe_tcp(make_socket, "127.0.0.1", 1, 1)
    assert refused.message == "dial tcp 127.0.0.1:1: connect: connection refused"
    refused = await probe_http(make_socket, "127.0.0.1", 1, {"path": "/x"}, 1)
    assert refused.message == 'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused'
    refused = await probe_grpc(make_socket, "127.0.0.1", 1, "", 1)
    assert refused.message.startswith('timeout: failed to connect service "127.0.0.1:1" within 1s')


async def test_an_unready_stand_in_answers_503_on_its_readiness_path_alone(bench, make_socket):
    handle = await bench.stand_in(8080, unready_paths=["/ready"])
    assert (await ask(make_socket, "/ready"))[0] == 200
    await bench.client.kill(handle.record.id, signal.SIGUSR1)
    assert (await ask(make_socket, "/ready"))[0] == 503
    assert (await ask(make_socket, "/"))[0] == 200
    assert 'responded with "NOT_SERVING"' in (await probe_grpc(make_socket, "127.0.0.1", 8080, "", 2)).message
    await bench.client.kill(handle.record.id, signal.SIGUSR2)
    assert (await ask(make_socket, "/ready"))[0] == 200


async def converse(make_socket, port, *messages):
    sock = make_socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    answers = []
    for message in messages:
        await loop.sock_sendall(sock, message)
        answers.append(await asyncio.wait_for(loop.sock_recv(sock, 4096), 5))
    sock.close()
    return answers


async def test_plain_tcp_is_greeted_and_echoed_and_redis_pings_are_answered(bench, make_socket):
    await bench.stand_in(7000)
    (greeting,) = await converse(make_socket, 7000, b"hello\n")
    assert greeting.startswith(b"shop/web-0 on node-1")
    assert await converse(make_socket, 7000, b"*1\r\n$4\r\nPING\r\n") == [b"+PONG\r\n"]


async def test_udp_is_answered_from_the_port_that_was_asked(bench, make_socket):
    await bench.stand_in(udp=[5353])
    sock = make_socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_sendto(sock, b"ping", ("127.0.0.1", 5353))
    data, sender = await asyncio.wait_for(loop.sock_recvfrom(sock, 4096), 5)
    sock.close()
    assert sender == ("127.0.0.1", 5353)
    assert data.endswith(b"\nping")


async def test_keep_alive_and_pipelined_bodies_are_taken_in_order(bench, make_socket):
    await bench.stand_in(8080)
    body = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    chunked = b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    last = b"GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    sock = make_socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", 8080))
    await loop.sock_sendall(sock, body + chunked + last)
    data = b""
    while piece := await asyncio.wait_for(loop.sock_recv(sock, 65536), 5):
        data += piece
    sock.close()
    assert [data.count(f'"path":"/{name}"'.encode()) for name in "abc"] == [1, 1, 1]


async def test_its_upstreams_are_called_for_real(bench, make_socket):
    await bench.stand_in(8080, upstreams=["127.0.0.1:9090", "127.0.0.1:1", "nosuch.invalid:80"])
    await bench.stand_in(9090, pod="db-0")
    status, body = await ask(make_socket, "/calls")
    assert status == 502  # one of them failed
    calls = {call["target"]: call for call in body["calls"]}
    assert calls["127.0.0.1:9090"]["answer"] == "shop/db-0 on node-1"
    assert [calls[name]["ok"] for name in ("127.0.0.1:1", "nosuch.invalid:80")] == [False, False]
    assert calls["nosuch.invalid:80"]["error"].startswith("resolve")
    status, body = await ask(make_socket, "/call?target=127.0.0.1:9090")
    assert (status, body["calls"][0]["status"]) == (200, 200)


async def test_no_request_is_lost_while_it_drains(bench, make_socket):
    handle = await bench.stand_in(8080, drain_s=0.5)
    stop_at = time.monotonic() + 0.1
    stopped, answered = False, 0
    while True:
        if not stopped and time.monotonic() > stop_at:
            await bench.client.kill(handle.record.id, signal.SIGTERM)
            stopped, drained_by = True, time.monotonic() + 0.4
        assert (await ask(make_socket))[0] == 200
        answered += 1
        if stopped and time.monotonic() > drained_by:
            break
    assert answered > 10
    async with asyncio.timeout(10):
        assert (await bench.ended(handle.record.id)).exit_code == 0


async def test_a_stand_in_listens_within_milliseconds_of_its_fork(bench):
    took = []
    for number in range(20):
        began = time.perf_counter()
        await bench.stand_in(10000 + number)
        took.append((time.perf_counter() - began) * 1000)
    median = sorted(took)[len(took) // 2]
    print(f"fork to listening: median {median:.1f} ms")
    assert median < 100
