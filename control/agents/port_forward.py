"""port-forward: a client's streams joined to connections that are made inside a pod's network namespace."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

from control.streaming.spdy import SpdyStream
from dataplane.errors import KernelError
from dataplane.netns.enter import run_inside

log = logging.getLogger(__name__)
_PIECE: Final = 64 << 10
_CONNECT_S: Final = 10.0
_LINGER_S: Final = 5.0
"""How long a client may go on sending nothing after the pod has said its last."""
_LOOPBACK: Final = (
    (socket.AF_INET, "127.0.0.1", "tcp4 127.0.0.1"),
    (socket.AF_INET6, "::1", "tcp6 [::1]"),
)


class ByteStream(Protocol):
    """A client's end of one connection."""

    broken: bool
    """It was cut off, not ended."""

    async def read(self) -> bytes:
        """What came; nothing at the end."""

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError."""

    async def finish(self) -> None:
        """Nothing more comes from the pod. Raises ConnectionError."""


class NotForwarded(Exception):
    """No connection to the pod's port, in the words of a container runtime."""


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """A pod as port-forward knows it. netns: name of its network namespace."""

    netns: str
    uid: str

    async def forward(self, port: int, client: ByteStream) -> None:
        """Carry one connection to its end. Raises NotForwarded."""
        try:
            reader, writer = await self._connect(port)
        except NotForwarded as error:
            raise NotForwarded(f"error forwarding port {port} to pod {self.uid}, uid : {error}") from error
        try:
            await _carry(client, reader, writer)
        finally:
            writer.close()

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop, failures = asyncio.get_running_loop(), []
        for family, address, words in _LOOPBACK:
            try:
                sock = await asyncio.to_thread(run_inside, self.netns, _socket_of(family))
            except (OSError, KernelError) as error:
                failures.append(f"dial {words}:{port}: {error}")
                continue
            try:
                async with asyncio.timeout(_CONNECT_S):
                    await loop.sock_connect(sock, (address, port))
                return await asyncio.open_connection(sock=sock, limit=_PIECE)
            except OSError as error:
                sock.close()
                why = "connection refused" if isinstance(error, ConnectionRefusedError) else str(error)
                failures.append(f"dial {words}:{port}: connect: {why}")
            except BaseException:
                sock.close()
                raise
        where = f'failed to connect to localhost:{port} inside namespace "{self.uid}"'
        raise NotForwarded(
            f'failed to execute portforward in network namespace "/var/run/netns/{self.netns}": {where}, '
            f"IPv4: {failures[0]} IPv6 {failures[1]} "
        )


def _socket_of(family: int) -> Callable[[], socket.socket]:
    def make() -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setblocking(False)
        return sock

    return make


async def _carry(client: ByteStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Both ways, each to its own end: half-closed connections go on."""
    outward = asyncio.create_task(_outward(client, reader))
    moved = asyncio.Event()
    inward = asyncio.create_task(_inward(client, writer, moved))
    try:
        await asyncio.wait({inward, outward}, return_when=asyncio.FIRST_COMPLETED)
        if inward.done() and not inward.result():
            return  # cut off
        if not inward.done() and not outward.result():
            return
        if inward.done():
            await outward
            return
        while not inward.done():
            moved.clear()
            moving = asyncio.create_task(moved.wait())
            await asyncio.wait({inward, moving}, timeout=_LINGER_S, return_when=asyncio.FIRST_COMPLETED)
            moving.cancel()
            if not moved.is_set():
                return
    finally:
        inward.cancel()
        outward.cancel()
        await asyncio.gather(inward, outward, return_exceptions=True)


async def _inward(client: ByteStream, writer: asyncio.StreamWriter, moved: asyncio.Event) -> bool:
    """From the client to the pod. True: the client ended it; False: one of them is gone."""
    try:
        while data := await client.read():
            moved.set()
            writer.write(data)
            await writer.drain()
        if client.broken:
            return False
        writer.write_eof()
    except OSError:
        return False
    return True


async def _outward(client: ByteStream, reader: asyncio.StreamReader) -> bool:
    """From the pod to the client. True: the pod ended it; False: one of them is gone."""
    try:
        while data := await reader.read(_PIECE):
            await client.write(data)
        await client.finish()
    except OSError:
        return False
    return True


class Pairs:
    """The streams of one SPDY connection, in pairs: ``data`` and ``error`` of one request."""

    def __init__(self, target: ForwardTarget, start: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._target = target
        self._start = start
        self._waiting: dict[str, SpdyStream] = {}

    def take(self, stream: SpdyStream) -> bool:
        """A stream of the client's; with the second of a pair the connection is made. False: it makes no sense."""
        kind, port = stream.headers.get("streamtype"), stream.headers.get("port", "")
        if kind not in ("data", "error") or not port.isascii() or not port.isdigit():
            return False
        if not 0 < int(port[:6]) < 1 << 16:
            return False
        # Clients of the oldest form number nothing: the error stream comes first, data is the next.
        request = stream.headers.get("requestid") or f"#{stream.id - 2 * (kind == 'data')}"
        other = self._waiting.pop(request, None)
        if other is None:
            self._waiting[request] = stream
            return True
        if other.headers.get("streamtype") == kind:
            self._waiting[request] = other
            return False
        data, error = (stream, other) if kind == "data" else (other, stream)
        self._start(self._forward(int(port), data, error))
        return True

    async def _forward(self, port: int, data: SpdyStream, error: SpdyStream) -> None:
        try:
            try:
                await self._target.forward(port, data)
            except NotForwarded as words:
                log.info("%s", words)
                await error.write(str(words).encode())
            await data.finish()
            await error.finish()
            if not data.ended:
                await data.reset()
        except ConnectionError:  # the client is gone, and nobody is there to be told
            return
