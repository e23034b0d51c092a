"""A client of exec or attach on SPDY/3.1: a stream for each of error, stdin, stdout, stderr and resize.

Source: the older remote command protocols of Kubernetes, channel.k8s.io to v4.channel.k8s.io.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from aiohttp import web

from control.agents.stream_client import ERROR, RESIZE, STDERR, STDIN, STDOUT, Input, StreamOptions
from control.streaming import raw
from control.streaming.spdy import SpdySession, SpdyStream

PROTOCOL_HEADER: Final = "X-Stream-Protocol-Version"
PROTOCOLS: Final = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
_TYPES: Final = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR, "error": ERROR, "resize": RESIZE}
_STREAMS_S: Final = 30.0
"""How long a client may take to open its streams."""
_PARTING_S: Final = 2.0
"""How long a client may take to go once it was told the end."""
_SIZE_MOST: Final = 4096


def negotiate(request: web.Request, ours: Sequence[str]) -> str:
    """The first of our protocols that the client offers. Raises HTTPForbidden in a kubelet's words."""
    offered = [
        word.strip() for line in request.headers.getall(PROTOCOL_HEADER, []) for word in line.split(",")
    ]
    if not offered:
        return ours[-1]
    for protocol in ours:
        if protocol in offered:
            return protocol
    theirs, known = " ".join(offered), " ".join(ours)
    raise web.HTTPForbidden(
        text=f"unable to upgrade: unable to negotiate protocol: client supports [{theirs}], server accepts [{known}]",
        headers={"X-Accepted-Stream-Protocol-Versions": ", ".join(ours)},
    )


class SpdyClient:
    """A ``StreamClient``."""

    def __init__(self, options: StreamOptions, protocol: str) -> None:
        self.options = options
        self.response: web.StreamResponse
        self.streams: dict[int, SpdyStream] = {}
        self.session: SpdySession
        self.complete = asyncio.Event()
        self._protocol = protocol

    @property
    def ready(self) -> bool:
        """See StreamClient."""
        return self.complete.is_set()

    def wanted(self) -> set[int]:
        """The streams that the client is to open."""
        on = {STDIN: self.options.stdin, STDOUT: self.options.stdout, STDERR: self.options.stderr}
        sizes = self.options.tty and self._protocol in PROTOCOLS[:2]
        return {ERROR, *(channel for channel, is_on in on.items() if is_on), *([RESIZE] if sizes else [])}

    def take_stream(self, stream: SpdyStream) -> bool:
        """One of ``wanted``, and each once."""
        channel = _TYPES.get(stream.headers.get("streamtype", ""))
        if channel is None or channel in self.streams:
            return False
        self.streams[channel] = stream
        if self.wanted() <= self.streams.keys():
            self.complete.set()
        return True

    async def send(self, channel: int, data: bytes) -> bool:
        """See StreamClient."""
        stream = self.streams.get(channel)
        try:
            if stream is not None:
                await stream.write(data)
        except ConnectionError:
            return False
        return stream is not None

    async def finish(self, status: dict[str, Any]) -> None:
        """See StreamClient."""
        if self._protocol == PROTOCOLS[0]:
            words = orjson.dumps(status)
        else:  # before v4 only a failure is told, and only in words
            words = b"" if status["status"] == "Success" else status["message"].encode()
        await self.send(ERROR, words)
        try:
            for channel in (STDOUT, STDERR, ERROR):
                if channel in self.streams:
                    await self.streams[channel].finish()
            async with asyncio.timeout(_PARTING_S):
                await self.session.ended.wait()
        except (ConnectionError, TimeoutError):
            return

    async def take(self, given: Input) -> None:
        """See StreamClient."""
        async with asyncio.TaskGroup() as group:
            carried = []
            if STDIN in self.streams:
                carried.append(group.create_task(self._type(self.streams[STDIN], given)))
            if RESIZE in self.streams:
                carried.append(group.create_task(self._resize(self.streams[RESIZE], given)))
            await self.session.ended.wait()
            for task in carried:
                task.cancel()

    async def _type(self, stream: SpdyStream, given: Input) -> None:
        while data := await stream.read():
            await given.write(data)
        if not stream.broken:
            await given.end()

    async def _resize(self, stream: SpdyStream, given: Input) -> None:
        """JSON objects, a line each."""
        waiting = b""
        while data := await stream.read():
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                given.size(line)
            if len(waiting) > _SIZE_MOST:
                await stream.reset()
                return


@asynccontextmanager
async def spdy_client(request: web.Request) -> AsyncIterator[SpdyClient]:
    """Upgrade, and wait for the client's streams. Raises HTTPForbidden when no protocol is shared."""
    protocol = negotiate(request, PROTOCOLS)
    client = SpdyClient(StreamOptions.of(request.query), protocol)
    async with spdy_server(request, protocol, client.take_stream) as (client.response, client.session):
        try:
            async with asyncio.timeout(_STREAMS_S):
                await _either(client.complete, client.session.ended)
        except TimeoutError:
            await client.finish(
                {"status": "Failure", "message": "timed out waiting for client to create streams"}
            )
        yield client


@asynccontextmanager
async def spdy_server(
    request: web.Request, protocol: str, on_stream: Any
) -> AsyncIterator[tuple[web.StreamResponse, SpdySession]]:
    """The server's end of a SPDY connection, read until the block is left; then it is closed."""
    headers = {"Upgrade": "SPDY/3.1", PROTOCOL_HEADER: protocol}
    response, wire = await raw.accept(request, headers)
    session = SpdySession(wire, on_stream)
    reading = asyncio.create_task(session.run(), name="SPDY connection")
    try:
        yield response, session
        await session.close()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        wire.close()


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
