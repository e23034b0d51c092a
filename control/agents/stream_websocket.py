"""A client of exec or attach on a WebSocket: Kubernetes' channel protocol (v5 and v4.channel.k8s.io).

Every binary message begins with its channel: 0 stdin, 1 stdout, 2 stderr, 3 a Status at the end, 4 resize,
255 (v5) closes the channel that its next byte names.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from aiohttp import WSMsgType, web

from control.agents.stream_client import ERROR, RESIZE, STDERR, STDIN, STDOUT, Input, StreamOptions

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
MESSAGE_MOST: Final = 16 << 20
"""Bytes of one message that are taken."""
_CLOSE: Final = 255


class WebSocketClient:
    """A ``StreamClient``."""

    def __init__(self, options: StreamOptions, response: web.WebSocketResponse) -> None:
        self.options = options
        self.response = response
        self.ready = True

    async def send(self, channel: int, data: bytes) -> bool:
        """See StreamClient."""
        if self.response.closed:
            return False
        try:
            await self.response.send_bytes(bytes([channel]) + data)
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def finish(self, status: dict[str, Any]) -> None:
        """See StreamClient."""
        await self.send(ERROR, orjson.dumps(status))
        await self.response.close()

    async def take(self, given: Input) -> None:
        """See StreamClient."""
        async for message in self.response:
            if message.type not in {WSMsgType.BINARY, WSMsgType.TEXT}:
                continue
            body = message.data if isinstance(message.data, bytes) else message.data.encode()
            channel, data = body[:1], body[1:]
            if channel == bytes([STDIN]):
                await given.write(data)
            elif channel == bytes([RESIZE]):
                given.size(data)
            elif channel == bytes([_CLOSE]) and data[:1] == bytes([STDIN]):
                await given.end()


@asynccontextmanager
async def websocket_client(request: web.Request) -> AsyncIterator[WebSocketClient]:
    """Shake hands; an empty message on the lowest output tells the client that we are there."""
    options = StreamOptions.of(request.query)
    response = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MESSAGE_MOST)
    await response.prepare(request)
    client = WebSocketClient(options, response)
    await client.send(STDOUT if options.stdout else STDERR if options.stderr else ERROR, b"")
    yield client
