"""Exec and attach over WebSocket, in the channel protocol of Kubernetes (v5 and v4.channel.k8s.io).

Every binary message begins with its channel: 0 stdin, 1 stdout, 2 stderr, 3 a Status at the end, 4 resize,
255 (v5) closes the channel that its next byte names.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from control.agents.container_keeper import ContainerKeeper
from control.agents.stream_io import chunks, resize, write_all
from control.workload.request import ExecRequest
from control.workload.runtime import RuntimeFailed, ZygoteClient

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Which streams the client wants."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @staticmethod
    def of(query: Mapping[str, str]) -> "StreamOptions":
        """From the URL; ``input``, ``output`` and ``error`` are the kubelet's older words."""

        def on(*names: str) -> bool:
            return any(query.get(name, "").lower() in {"1", "true"} for name in names)

        tty = on("tty")
        return StreamOptions(
            on("stdin", "input"), on("stdout", "output"), on("stderr", "error") and not tty, tty
        )


def success() -> dict[str, Any]:
    """The Status of a command that ended with 0."""
    return {"metadata": {}, "status": "Success"}


def exited(code: int) -> dict[str, Any]:
    """The Status of a command that ended with another code."""
    if code == 0:
        return success()
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failed(message: str) -> dict[str, Any]:
    """The Status of a command that could not be run."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {message}",
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    }


class Channels:
    """One client's WebSocket."""

    def __init__(self, options: StreamOptions) -> None:
        self.options = options
        self._socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0)

    async def open(self, request: web.Request) -> web.WebSocketResponse:
        """Shake hands; an empty message on the lowest output tells the client that we are there."""
        await self._socket.prepare(request)
        await self.send(STDOUT if self.options.stdout else STDERR if self.options.stderr else ERROR, b"")
        return self._socket

    async def send(self, channel: int, data: bytes) -> bool:
        """False when the client is gone."""
        if self._socket.closed:
            return False
        try:
            await self._socket.send_bytes(bytes([channel]) + data)
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def finish(self, status: dict[str, Any]) -> None:
        """The last word on the error channel, then a normal close."""
        await self.send(ERROR, orjson.dumps(status))
        await self._socket.close()

    async def take(self, stdin: int | None, terminal: int | None) -> None:
        """Carry the client's input and sizes until it is gone; ``stdin`` is closed when the client closes it."""
        async for message in self._socket:
            if message.type not in {WSMsgType.BINARY, WSMsgType.TEXT}:
                continue
            body = message.data if isinstance(message.data, bytes) else message.data.encode()
            if not body:
                continue
            channel, data = body[0], body[1:]
            if channel == STDIN and stdin is not None and data:
                await write_all(stdin, data)
            elif channel == RESIZE and terminal is not None:
                _resize(terminal, data)
            elif channel == CLOSE and data[:1] == bytes([STDIN]) and stdin is not None:
                if terminal is not None:
                    await write_all(terminal, b"\x04")  # a terminal's end of input
                else:
                    os.close(stdin)
                stdin = None
        if stdin is not None and terminal is None:
            os.close(stdin)


def _resize(terminal: int, data: bytes) -> None:
    try:
        size = orjson.loads(data)
        resize(terminal, int(size.get("Width", 0)), int(size.get("Height", 0)))
    except (orjson.JSONDecodeError, ValueError, OSError):
        return


async def serve_exec(
    request: web.Request, runtime: ZygoteClient, keeper: ContainerKeeper, command: tuple[str, ...]
) -> web.WebSocketResponse:
    """Run a command in a container for a client, to its end or the client's."""
    options = StreamOptions.of(request.query)
    channels = Channels(options)
    socket = await channels.open(request)
    exec_request = ExecRequest(secrets.token_hex(8), keeper.container_id, command, options.tty)
    theirs, ours, console = _ends(options)
    terminal = None
    try:
        ended = await runtime.exec(exec_request, theirs)
        if console is not None:
            terminal = _terminal_from(console)
            ours = {STDOUT: terminal, STDIN: terminal}
    except RuntimeFailed as error:
        for descriptor in {*ours.values()}:
            os.close(descriptor)
        await channels.finish(
            failed(f"error executing command in container: failed to exec in container: {error}")
        )
        return socket
    finally:
        for descriptor in {*theirs}:
            os.close(descriptor)
        if console is not None:
            console.close()
    stdin = ours.pop(STDIN, None)
    outputs = [asyncio.create_task(_pump(channels, channel, fd)) for channel, fd in ours.items()]
    inputs = asyncio.create_task(channels.take(stdin if options.stdin else None, terminal))
    try:
        waits: set[asyncio.Future[Any]] = {ended, inputs}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            # The client went away; a shell on a terminal gets its hang-up, another command its end of input.
            await runtime.kill_exec(exec_request.id, signal.SIGHUP if options.tty else signal.SIGTERM)
            return socket
        await asyncio.wait(outputs, timeout=1.0) if outputs else None
        await channels.finish(exited(ended.result()))
    finally:
        for task in (*outputs, inputs):
            task.cancel()
        await asyncio.gather(*outputs, inputs, return_exceptions=True)
        for descriptor in {*ours.values()}:
            os.close(descriptor)
    return socket


async def _pump(channels: Channels, channel: int, descriptor: int) -> None:
    async for data in chunks(descriptor):
        if not await channels.send(channel, data):
            return


def _terminal_from(console: socket.socket) -> int:
    """The master of the terminal that the command made before it began."""
    console.settimeout(1.0)
    _, found, _, _ = socket.recv_fds(console, 1, 1)
    os.set_inheritable(found[0], False)
    return found[0]


def _ends(options: StreamOptions) -> tuple[list[int], dict[int, int], socket.socket | None]:
    """The command's descriptors, ours by channel, and where its terminal will come from if it has one."""
    if options.tty:
        ours_end, theirs_end = socket.socketpair()
        return [theirs_end.detach()], {}, ours_end
    theirs: list[int] = []
    ours: dict[int, int] = {}
    if options.stdin:
        read, write = os.pipe2(os.O_CLOEXEC)
        theirs.append(read)
        ours[STDIN] = write
    else:
        theirs.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
    for channel, wanted in ((STDOUT, options.stdout), (STDERR, options.stderr)):
        if wanted:
            read, write = os.pipe2(os.O_CLOEXEC)
            theirs.append(write)
            ours[channel] = read
        else:
            theirs.append(os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC))
    return theirs, ours, None


async def serve_attach(request: web.Request, keeper: ContainerKeeper) -> web.WebSocketResponse:
    """A running container's output as it comes, and its input if it has one; ends with the container."""
    options = StreamOptions.of(request.query)
    channels = Channels(options)
    socket = await channels.open(request)
    log = keeper.log
    if log is None:
        await channels.finish(failed(f"container {keeper.name} not found"))
        return socket
    queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    wanted = {"stdout": (STDOUT, options.stdout), "stderr": (STDERR, options.stderr)}

    def hear(stream: str, data: bytes) -> None:
        channel, on = wanted[stream]
        if on:
            queue.put_nowait((channel, data))

    unhear = log.listen(hear)
    terminal = keeper.stdin if keeper.container.get("tty") else None
    stdin = os.dup(keeper.stdin) if options.stdin and keeper.stdin is not None else None
    inputs = asyncio.create_task(channels.take(stdin, terminal))
    ended = asyncio.create_task(log.ended.wait())
    try:
        while not (ended.done() and queue.empty()) and not inputs.done():
            item = asyncio.create_task(queue.get())
            await asyncio.wait({item, inputs, ended}, return_when=asyncio.FIRST_COMPLETED)
            if item.done():
                await channels.send(*item.result())
            else:
                item.cancel()
        await channels.finish(success())
    finally:
        unhear()
        inputs.cancel()
        ended.cancel()
    return socket
