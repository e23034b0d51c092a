"""Exec and attach: a client's streams joined to a command's, or to a running container's."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager as Opened
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from control.agents.container_keeper import ContainerKeeper
from control.agents.stream_client import (
    STDERR,
    STDIN,
    STDOUT,
    Input,
    StreamClient,
    StreamOptions,
    exited,
    failed,
    success,
)
from control.agents.stream_io import chunks
from control.agents.stream_spdy import SpdyClient, spdy_client
from control.agents.stream_websocket import WebSocketClient, websocket_client
from control.workload.request import ExecRequest
from control.workload.runtime import RuntimeFailed, ZygoteClient

_OUTPUT_MOST = 1024
"""Pieces of output that wait for an attached client; one that reads slower is let go."""


def stream_client(request: web.Request) -> Opened[WebSocketClient] | Opened[SpdyClient]:
    """The client behind an upgrade. Raises HTTPBadRequest for one that asks for none that we speak."""
    match request.headers.get("Upgrade", "").lower():
        case "websocket":
            return websocket_client(request)
        case "spdy/3.1":
            return spdy_client(request)
    raise web.HTTPBadRequest(
        text="unable to upgrade: missing upgrade headers in request: WebSocket or SPDY/3.1 is needed"
    )


async def serve_exec(
    request: web.Request, runtime: ZygoteClient, keeper: ContainerKeeper, command: tuple[str, ...]
) -> web.StreamResponse:
    """Run a command in a container for a client, to its end or the client's."""
    async with stream_client(request) as client:
        if client.ready:
            await _exec(client, runtime, keeper, command)
    return client.response


async def _exec(
    client: StreamClient, runtime: ZygoteClient, keeper: ContainerKeeper, command: tuple[str, ...]
) -> None:
    options = client.options
    request = ExecRequest(secrets.token_hex(8), keeper.container_id, command, options.tty)
    async with AsyncExitStack() as closing:
        try:
            ended, ours = await _start(runtime, request, options, closing)
        except RuntimeFailed as error:
            words = f"error executing command in container: failed to exec in container: {error}"
            await client.finish(failed(words))
            return
        given = Input(ours.pop(STDIN, None), terminal=options.tty)
        closing.callback(given.close)
        outputs = [asyncio.create_task(_pump(client, channel, fd)) for channel, fd in ours.items()]
        inputs = asyncio.create_task(client.take(given))
        closing.push_async_callback(end, [*outputs, inputs])
        closing.push_async_callback(_hang_up, runtime, request, ended)
        try:
            waits: set[asyncio.Future[Any]] = {ended, inputs}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await asyncio.wait(outputs, timeout=1.0) if outputs else None
                await client.finish(exited(ended.result()))
        except RuntimeFailed:  # the zygote is gone, and the command with it
            await client.finish(failed("the container runtime is gone"))


async def _start(
    runtime: ZygoteClient, request: ExecRequest, options: StreamOptions, closing: AsyncExitStack
) -> tuple["asyncio.Future[int]", dict[int, int]]:
    """The command's end, and our ends of its streams, all but STDIN's closed with ``closing``. Raises RuntimeFailed."""
    theirs, ours, console = _ends(options)
    try:
        ended = await runtime.exec(request, theirs)
        if console is not None:
            ours = {STDOUT: _terminal_from(console)}
            ours[STDIN] = os.dup(ours[STDOUT])
    except BaseException as error:
        for descriptor in ours.values():
            os.close(descriptor)
        if isinstance(error, asyncio.CancelledError):  # the client has left, and the command is about to run
            await _hang_up(runtime, request, None)
        raise
    finally:
        for descriptor in theirs:
            os.close(descriptor)
        if console is not None:
            console.close()
    for channel, descriptor in ours.items():
        if channel != STDIN:
            closing.callback(os.close, descriptor)
    return ended, ours


async def _hang_up(runtime: ZygoteClient, request: ExecRequest, ended: "asyncio.Future[int] | None") -> None:
    """When the client went first: a shell on a terminal gets its hang-up, another command is told to end."""
    if ended is not None and ended.done():
        return
    try:
        await runtime.kill_exec(request.id, signal.SIGHUP if request.tty else signal.SIGTERM)
    except RuntimeFailed:  # the zygote is gone, and the command with it
        return


async def end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended, whoever cancels us meanwhile: what they use is closed next."""
    for task in tasks:
        task.cancel()
    ending, cancelled = asyncio.gather(*tasks, return_exceptions=True), None
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _pump(client: StreamClient, channel: int, descriptor: int) -> None:
    async for data in chunks(descriptor):
        if not await client.send(channel, data):
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


async def serve_attach(request: web.Request, keeper: ContainerKeeper) -> web.StreamResponse:
    """A running container's output as it comes, and its input if it has one; ends with the container."""
    async with stream_client(request) as client:
        if client.ready:
            await _attach(client, keeper)
    return client.response


async def _attach(client: StreamClient, keeper: ContainerKeeper) -> None:
    options, container = client.options, keeper.container
    log = keeper.log
    if log is None:
        await client.finish(failed(f"container {keeper.name} not found"))
        return
    queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(_OUTPUT_MOST)
    wanted = {"stdout": (STDOUT, options.stdout), "stderr": (STDERR, options.stderr)}
    slow = asyncio.Event()

    def hear(stream: str, data: bytes) -> None:
        channel, on = wanted[stream]
        if not on:
            return
        try:
            queue.put_nowait((channel, data))
        except asyncio.QueueFull:
            slow.set()

    tty, once = bool(container.get("tty")), bool(container.get("stdinOnce"))
    attempt, source = keeper.attempt, keeper.stdin if options.stdin or tty else None

    async def end_input() -> None:
        if once and not tty:
            await keeper.end_stdin(attempt)

    given = Input(os.dup(source) if source is not None else None, terminal=tty, on_end=end_input)
    unhear = log.listen(hear)
    inputs = asyncio.create_task(client.take(given))
    ends = (inputs, asyncio.create_task(log.ended.wait()), asyncio.create_task(slow.wait()))
    try:
        while not any(end.done() for end in ends) or (ends[1].done() and not queue.empty()):
            item = asyncio.create_task(queue.get())
            await asyncio.wait({item, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if item.done():
                await client.send(*item.result())
            else:
                item.cancel()
        await client.finish(failed("the client reads too slowly") if slow.is_set() else success())
    finally:
        unhear()
        try:
            await end(ends)
        finally:
            given.close()
            if options.stdin:
                await given.end()
