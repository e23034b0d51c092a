"""Upgraded connections on aiohttp, both sides, over loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from control.streaming import raw
from control.streaming.raw import RawConnection

Body = Callable[[RawConnection], Awaitable[None]]


@asynccontextmanager
async def upgraded(body: Body, method: str = "POST") -> AsyncIterator[RawConnection]:
    """A client's end of a connection whose server's end is ``body``'s."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response, wire = await raw.accept(request, {"Upgrade": "SPDY/3.1", "X-Chosen": "v4"})
        try:
            await body(wire)
        finally:
            wire.close()
        return response

    runner = web.ServerRunner(web.Server(handle, handler_cancellation=True), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    try:
        async with (
            asyncio.timeout(20),
            aiohttp.ClientSession() as session,
            session.request(method, f"http://{host}:{port}/", headers=headers) as answer,
        ):
            assert (answer.status, answer.headers["X-Chosen"]) == (101, "v4")
            assert "Transfer-Encoding" not in answer.headers
            yield raw.dialled(answer)
    finally:
        await runner.cleanup()


async def echo(wire: RawConnection) -> None:
    while data := await wire.read():
        await wire.write(data)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_bytes_pass_as_they_are(method: str) -> None:
    async with upgraded(echo, method) as wire:
        await wire.write(b"GET / HTTP/1.1\r\n\r\n")
        found = b""
        while len(found) < 18:
            found += await wire.read()
        assert found == b"GET / HTTP/1.1\r\n\r\n", "nobody takes it for a request any more"


async def test_much_passes_whole_when_nobody_reads_for_a_while() -> None:
    started = asyncio.Event()

    async def pour(wire: RawConnection) -> None:
        started.set()
        for number in range(200):
            await wire.write(bytes([number]) * 100_000)

    async with upgraded(pour) as wire:
        await started.wait()
        await asyncio.sleep(0)
        found = bytearray()
        while data := await wire.read():
            found += data
            assert len(data) <= raw.READ_MOST + (1 << 20), "what waits is bounded"
    assert found == b"".join(bytes([number]) * 100_000 for number in range(200))


async def test_the_other_side_s_leaving_is_an_end() -> None:
    left = asyncio.Event()

    async def wait_for_end(wire: RawConnection) -> None:
        try:
            assert await wire.read() == b""
        finally:
            left.set()

    async with upgraded(wait_for_end) as wire:
        wire.close()
        await left.wait()


async def test_joined_connections_carry_both_ways_and_end_together() -> None:
    async with upgraded(echo) as far:

        async def middle(wire: RawConnection) -> None:
            await raw.join(wire, far)

        async with upgraded(middle) as near:
            await near.write(b"through")
            assert await near.read() == b"through"
            far.close()
            assert await near.read() == b""
            with pytest.raises(ConnectionError):
                await near.write(b"late")
