"""Load on an HTTPS server that costs the client little: bytes that were made before, answers that are only counted.

A client library would take more of a core than the server does, and the bench would measure it.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from tests.bench.harness import BenchFailed


def get(path: str) -> bytes:
    """A GET as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: api\r\nAccept: application/json\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """A POST of JSON as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection: sends a request, hears the whole answer, says so. Bodies may come in chunks."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # of a stream it is one

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BenchFailed(f"the server closed a connection: {exc}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        head = bytes(self._buffer[:end]).lower()
        if b"content-length:" in head:
            length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
        elif not self._buffer.endswith(b"0\r\n\r\n"):  # of chunks, the last
            return
        if not head.startswith((b"http/1.1 200", b"http/1.1 201")):
            self._waiting.set_exception(BenchFailed(bytes(self._buffer[:400]).decode()))
        else:
            self._waiting.set_result(None)
        self._waiting = None
        self._buffer.clear()

    async def ask(self, request: bytes) -> None:
        """One request, until its answer is whole."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._waiting

    def close(self) -> None:
        self._transport.abort()


async def connect(port: int, context: ssl.SSLContext, count: int) -> list[Connection]:
    """So many connections."""
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(Connection, "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1")
        for _ in range(count)
    ]
    return [protocol for _, protocol in made]


async def flood(connections: list[Connection], requests: Iterator[bytes], count: int) -> float:
    """Requests as fast as they are answered, one at a time a connection; requests a second."""
    waiting, began = islice(requests, count), time.perf_counter()

    async def some(connection: Connection) -> None:
        for request in waiting:
            await connection.ask(request)

    await asyncio.gather(*(some(connection) for connection in connections))
    return count / (time.perf_counter() - began)


async def steady(
    connections: list[Connection], requests: Iterator[bytes], per_s: float, for_s: float
) -> list[float]:
    """Requests at a steady pace, whether or not they are answered; each one's seconds from when it was due."""
    loop, took = asyncio.get_running_loop(), []
    free: deque[Connection] = deque(connections)
    came = asyncio.Event()

    async def one(due: float, request: bytes) -> None:
        while not free:
            came.clear()
            await came.wait()
        connection = free.popleft()
        await connection.ask(request)
        took.append(loop.time() - due)
        free.append(connection)
        came.set()

    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(islice(requests, int(per_s * for_s))):
            due = began + number / per_s
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            group.create_task(one(due, request))
    return took


class Watch(asyncio.Protocol):
    """A watch that counts the lines of its events."""

    def __init__(self, request: bytes, heard: Callable[[int], None]) -> None:
        self._request, self._heard = request, heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # of a stream it is one
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._heard(data.count(b'"type":"ADDED"'))

    def close(self) -> None:
        self._transport.abort()
