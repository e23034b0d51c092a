"""The bytes of an HTTP connection after its upgrade, on a server's side or a client's.

aiohttp upgrades to WebSocket only; the same hook of its protocols carries any other upgrade.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from aiohttp import web

READ_MOST: Final = 256 << 10
"""Bytes that wait to be read before the socket is left alone."""


class RawConnection:
    """A wire (``control.streaming.spdy.Wire``). Made by ``accept`` and ``dialled``."""

    def __init__(self, protocol: Any, transport: asyncio.Transport) -> None:
        self._protocol = protocol
        self._transport = transport
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._ended = self._paused = False
        self._changed = asyncio.Event()

    async def read(self) -> bytes:
        """What came; nothing at the end."""
        while not self._chunks:
            if self._ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError when the other side is gone."""
        if self._ended or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        await self._protocol._drain_helper()

    def close(self) -> None:
        """Once what was written has gone out."""
        self._transport.close()

    # -- what aiohttp's protocols call (its WebSocket reader's interface) ----------------------------------------

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes came."""
        self._chunks.append(bytes(data))
        self._size += len(data)
        self._changed.set()
        if self._size > READ_MOST and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
        return False, b""

    def feed_eof(self) -> None:
        """The end came."""
        self._ended = True
        self._changed.set()

    def set_exception(self, error: BaseException, cause: BaseException | None = None) -> None:
        """The connection broke."""
        del error, cause
        self.feed_eof()

    def is_eof(self) -> bool:
        """Whether the end came."""
        return self._ended


async def accept(
    request: web.BaseRequest, headers: Mapping[str, str]
) -> tuple[web.StreamResponse, RawConnection]:
    """Answer 101 with these headers; the response is the handler's to return when the bytes are done with."""
    assert request.transport is not None
    response = web.StreamResponse(status=101, headers={"Connection": "Upgrade", **headers})
    raw = RawConnection(request.protocol, request.transport)
    # First: a client may send on as soon as it reads the answer.
    request.protocol.set_parser(raw)  # type: ignore[arg-type]  # typed as its own WebSocket reader
    request.protocol.keep_alive(False)
    await response.prepare(request)
    return response, raw


def dialled(response: aiohttp.ClientResponse) -> RawConnection:
    """The bytes behind an answer of 101."""
    connection = response.connection
    assert connection is not None
    protocol = connection.protocol
    assert protocol is not None
    assert protocol.transport is not None
    raw = RawConnection(protocol, protocol.transport)
    protocol.set_parser(raw, raw)
    return raw


async def join(one: RawConnection, other: RawConnection) -> None:
    """Carry bytes both ways until one end closes and what it sent has been written."""
    ways = [asyncio.ensure_future(_carry(one, other)), asyncio.ensure_future(_carry(other, one))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        one.close()
        other.close()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carry(source: RawConnection, sink: RawConnection) -> None:
    try:
        while data := await source.read():
            await sink.write(data)
    except ConnectionError:  # the other side is gone
        return
