"""A SPDY/3.1 connection and its streams, over anything that carries bytes.

Kubernetes' clients keep no send windows and send no WINDOW_UPDATE, so we never wait for one; we send them, for
clients that do wait. A stream whose reader is slow holds up its connection, as it does upstream.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from control.streaming.spdy_frames import (
    Data,
    Frame,
    FrameReader,
    FrameWriter,
    GoAway,
    Ping,
    Reset,
    RstStream,
    SynReply,
    SynStream,
    WindowUpdate,
)
from control.streaming.spdy_headers import SpdyError

log = logging.getLogger(__name__)
QUEUE_MOST: Final = 256 << 10
"""Bytes of a stream that wait for its reader before its connection waits."""
STREAMS_MOST: Final = 2048
"""Streams that a peer may have open in one connection; two for each forwarded connection."""
_GRANT: Final = 32 << 10


class Wire(Protocol):
    """What carries a connection's bytes, in order."""

    async def read(self) -> bytes:
        """Some bytes; none at the end."""

    async def write(self, data: bytes) -> None:
        """All of them, when there is room. Raises ConnectionError."""


class SpdyStream:
    """One stream of a connection: bytes both ways, each of which ends by itself."""

    def __init__(self, session: "SpdySession", number: int, headers: Mapping[str, str]) -> None:
        self.id = number
        self.headers = headers
        self.replied: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """For who opened it: done when the peer accepted it, cancelled when it did not."""
        self._session = session
        self._chunks: deque[bytes] = deque()
        self._size = self._taken = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.ended = False
        """The peer sends nothing more."""
        self.finished = False
        """We send nothing more."""
        self.broken = False
        """It was reset, or its connection is gone."""

    async def read(self) -> bytes:
        """What came; nothing at the peer's end, a reset, or the connection's end."""
        while not self._chunks:
            if self.ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._room.set()
        self._taken += len(data)
        if self._taken >= _GRANT and not self.ended:
            taken, self._taken = self._taken, 0
            await self._session.tell(WindowUpdate(self.id, taken))
        return data

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError when the stream was reset or its connection is gone."""
        if self.broken or self.finished:
            raise ConnectionResetError("the stream has ended")
        if data:
            await self._session.send(Data(self.id, data))

    async def finish(self) -> None:
        """No more from us; what the peer sends still comes."""
        if self.finished or self.broken:
            return
        self.finished = True
        await self._session.send(Data(self.id, b"", fin=True))
        self._session.settle(self)

    async def reset(self, status: Reset = Reset.CANCEL) -> None:
        """End it both ways."""
        if self.broken:
            return
        self.break_off()
        self._session.settle(self)
        await self._session.send(RstStream(self.id, status))

    # -- for its session ----------------------------------------------------------------------------------------

    async def take(self, data: bytes, *, fin: bool) -> None:
        """What the peer sent; returns when there is room for more."""
        if self.ended:
            return
        if data:
            self._chunks.append(data)
            self._size += len(data)
        self.ended = fin
        self._changed.set()
        if self._size > QUEUE_MOST and not fin:
            self._room.clear()
            await self._room.wait()

    def break_off(self) -> None:
        """Reset by the peer, or its connection's end."""
        self.broken = self.ended = True
        self._changed.set()
        self._room.set()
        self.replied.cancel()


class SpdySession:
    """One connection. ``run`` reads it to its end; ``on_stream`` says whether a stream of the peer's is taken."""

    def __init__(
        self,
        wire: Wire,
        on_stream: Callable[[SpdyStream], bool] = lambda stream: False,
        *,
        client: bool = False,
    ) -> None:
        self._wire = wire
        self._on_stream = on_stream
        self._streams: dict[int, SpdyStream] = {}
        self._writer = FrameWriter()
        self._sending = asyncio.Lock()
        self._next = 1 if client else 2
        self._last = 0
        self._theirs = 0 if client else 1
        self.ended = asyncio.Event()
        """The connection is over."""

    async def run(self) -> None:
        """Until the peer goes away or breaks the protocol; every stream has ended then."""
        reader = FrameReader()
        try:
            while data := await self._wire.read():
                for frame in reader.feed(data):
                    if isinstance(frame, GoAway):
                        return
                    await self._handle(frame)
        except SpdyError as error:
            log.info("SPDY: %s", error)
            await self.tell(GoAway(self._last, Reset.PROTOCOL_ERROR))
        except ConnectionError:
            return
        finally:
            self.ended.set()
            for stream in list(self._streams.values()):
                stream.break_off()
            self._streams.clear()

    async def open(self, headers: Mapping[str, str]) -> SpdyStream:
        """A stream of ours, once the peer has accepted it. Raises ConnectionError."""
        stream = SpdyStream(self, self._next, headers)
        self._next += 2
        self._streams[stream.id] = stream
        await self.send(SynStream(stream.id, dict(headers)))
        try:
            await stream.replied
        except asyncio.CancelledError:
            if stream.broken:
                raise ConnectionRefusedError("the peer refused the stream") from None
            raise
        return stream

    async def close(self) -> None:
        """Say that it is over."""
        await self.tell(GoAway(self._last))

    async def send(self, frame: Frame) -> None:
        """One frame, whole. Raises ConnectionError."""
        async with self._sending:  # packed and written in one order: header blocks share a stream
            await self._wire.write(self._writer.pack(frame))

    async def tell(self, frame: Frame) -> None:
        """One frame, which nobody need be there to hear."""
        try:
            await self.send(frame)
        except ConnectionError:
            return

    def settle(self, stream: SpdyStream) -> None:
        """Forget a stream that has ended both ways."""
        if stream.broken or (stream.ended and stream.finished):
            self._streams.pop(stream.id, None)

    async def _handle(self, frame: Frame) -> None:
        match frame:
            case SynStream():
                await self._syn(frame)
            case Data(number, data, fin):
                stream = self._streams.get(number)
                if stream is not None:  # else it was reset, and this was under way
                    await stream.take(data, fin=fin)
                    self.settle(stream)
            case SynReply(number):
                stream = self._streams.get(number)
                if stream is not None and not stream.replied.done():
                    stream.replied.set_result(None)
            case RstStream(number):
                stream = self._streams.pop(number, None)
                if stream is not None:
                    stream.break_off()
            case Ping(number) if number % 2 == self._theirs:
                await self.send(frame)
            case _:  # settings, windows, further headers, the echo of a ping
                return

    async def _syn(self, frame: SynStream) -> None:
        if frame.stream % 2 != self._theirs or frame.stream <= self._last:
            raise SpdyError(f"stream {frame.stream} after {self._last}")
        self._last = frame.stream
        if len(self._streams) >= STREAMS_MOST:
            await self.send(RstStream(frame.stream, Reset.REFUSED_STREAM))
            return
        stream = SpdyStream(self, frame.stream, frame.headers)
        stream.ended, stream.finished = frame.fin, frame.unidirectional
        self._streams[stream.id] = stream
        if not self._on_stream(stream):
            await stream.reset(Reset.REFUSED_STREAM)
            return
        if not frame.unidirectional:
            await self.send(SynReply(stream.id, {}))
