"""How port-forward's clients come: SPDY/3.1, SPDY/3.1 inside a WebSocket, and a WebSocket of channels.

Channels (v4.channel.k8s.io, v4.base64.channel.k8s.io): port number i of the URL has channel 2i for data and 2i + 1
for its error; each begins with the port, two bytes, little-endian.
"""

import asyncio
import base64
import binascii
from typing import Any, Final

from aiohttp import WSMsgType, web

from control.agents.port_forward import ForwardTarget, NotForwarded, Pairs
from control.agents.stream_spdy import negotiate, spdy_server
from control.agents.stream_websocket import MESSAGE_MOST
from control.streaming.spdy import SpdySession

PROTOCOL: Final = "portforward.k8s.io"
TUNNEL: Final = f"SPDY/3.1+{PROTOCOL}"
CHANNELS: Final = ("v4.channel.k8s.io", "v4.base64.channel.k8s.io")
_PORTS_MOST: Final = 127
"""A channel is a byte, 255 is none, and a port takes two."""
_QUEUE_MOST: Final = 64


async def serve_port_forward(request: web.Request, target: ForwardTarget) -> web.StreamResponse:
    """Forward a client's connections until it leaves. Raises HTTPBadRequest, HTTPForbidden."""
    match request.headers.get("Upgrade", "").lower():
        case "websocket":
            return await _websocket(request, target)
        case "spdy/3.1":
            protocol = negotiate(request, [PROTOCOL])
            async with asyncio.TaskGroup() as group:
                pairs = Pairs(target, group.create_task)
                async with spdy_server(request, protocol, pairs.take) as (response, session):
                    await session.ended.wait()
            return response
    raise web.HTTPBadRequest(
        text="unable to upgrade: missing upgrade headers in request: WebSocket or SPDY/3.1 is needed"
    )


async def _websocket(request: web.Request, target: ForwardTarget) -> web.StreamResponse:
    ports = _ports(request)
    socket = web.WebSocketResponse(protocols=(TUNNEL, *CHANNELS), max_msg_size=MESSAGE_MOST)
    if TUNNEL not in request.headers.get("Sec-WebSocket-Protocol", "") and not ports:
        raise web.HTTPBadRequest(text='query parameter "port" is required')
    await socket.prepare(request)
    if socket.ws_protocol == TUNNEL:
        await _tunnel(socket, target)
    else:
        await _channels(socket, target, ports)
    await socket.close()
    return socket


def _ports(request: web.Request) -> list[int]:
    """From the URL: ``port=80&port=81`` or ``port=80,81``. Raises HTTPBadRequest in upstream's words."""
    words = [word for text in request.query.getall("port", []) for word in text.split(",")]
    for word in words:
        if not (word.isascii() and word.isdigit() and 0 < int(word[:6]) < 1 << 16):
            raise web.HTTPBadRequest(text=f'unable to parse "{word}" as a port')
    if len(words) > _PORTS_MOST:
        raise web.HTTPBadRequest(text=f"{len(words)} ports are asked for; {_PORTS_MOST} are the most")
    return [int(word) for word in words]


class _TunnelWire:
    """SPDY's bytes as binary messages of a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def read(self) -> bytes:
        """See Wire."""
        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.BINARY:
                return b""
            if message.data:
                return bytes(message.data)

    async def write(self, data: bytes) -> None:
        """See Wire."""
        if self._socket.closed:
            raise ConnectionResetError("the tunnel is closed")
        try:
            await self._socket.send_bytes(data)
        except RuntimeError as error:  # aiohttp's for a socket that is closing
            raise ConnectionResetError(str(error)) from error


async def _tunnel(socket: web.WebSocketResponse, target: ForwardTarget) -> None:
    async with asyncio.TaskGroup() as group:
        pairs = Pairs(target, group.create_task)
        session = SpdySession(_TunnelWire(socket), pairs.take)
        await session.run()


class _Channel:
    """One port's data channel, a ``ByteStream``."""

    def __init__(self, socket: web.WebSocketResponse, number: int) -> None:
        self._socket = socket
        self._number = bytes([number])
        self._base64 = socket.ws_protocol == CHANNELS[1]
        self._came: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE_MOST)
        self.broken = False

    async def read(self) -> bytes:
        """See ByteStream; an end comes with the WebSocket's only."""
        return b"" if self.broken else await self._came.get()

    async def take(self, data: bytes) -> None:
        """What the client sent. Raises ValueError for what is no base64."""
        if self._base64:
            data = base64.b64decode(data, validate=True)
        if data:
            await self._came.put(data)

    async def write(self, data: bytes) -> None:
        """See ByteStream."""
        try:
            if self._base64:
                text = self._number_text() + base64.b64encode(data).decode()
                await self._socket.send_str(text)
            else:
                await self._socket.send_bytes(self._number + data)
        except RuntimeError as error:
            raise ConnectionResetError(str(error)) from error

    def _number_text(self) -> str:
        return chr(ord("0") + self._number[0])

    async def finish(self) -> None:
        """There is no word for it in this protocol; the WebSocket closes when all its ports have ended."""


async def _channels(socket: web.WebSocketResponse, target: ForwardTarget, ports: list[int]) -> None:
    data = [_Channel(socket, 2 * index) for index in range(len(ports))]
    errors = [_Channel(socket, 2 * index + 1) for index in range(len(ports))]
    reading = asyncio.create_task(_read(socket, data))
    every = [asyncio.create_task(_forward(target, *one)) for one in zip(ports, data, errors, strict=True)]
    forwarding = asyncio.create_task(asyncio.wait(every))
    try:
        waits: tuple[asyncio.Task[Any], ...] = (reading, forwarding)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        tasks: list[asyncio.Task[Any]] = [reading, forwarding, *every]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(target: ForwardTarget, port: int, data: _Channel, error: _Channel) -> None:
    try:
        for channel in (data, error):
            await channel.write(port.to_bytes(2, "little"))
        try:
            await target.forward(port, data)
        except NotForwarded as words:
            await error.write(str(words).encode())
    except ConnectionError:
        return


async def _read(socket: web.WebSocketResponse, data: list[_Channel]) -> None:
    """Messages to their channels, until the client leaves or breaks the protocol."""
    async for message in socket:
        if message.type not in {WSMsgType.BINARY, WSMsgType.TEXT} or not message.data:
            continue
        body = message.data if isinstance(message.data, bytes) else message.data.encode()
        number = body[0] - (ord("0") if socket.ws_protocol == CHANNELS[1] else 0)
        if not 0 <= number < 2 * len(data):
            return
        try:
            if number % 2 == 0:
                await data[number // 2].take(body[1:])
        except binascii.Error:
            return
