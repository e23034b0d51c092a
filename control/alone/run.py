"""`podwire api` as a process: its place, its port, its kubeconfig, the command beside it, and its end."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import uvloop

from control.alone.beside import Beside
from control.alone.credentials import check_copy, ensure_credentials, remove_copy, write_kubeconfig
from control.alone.options import AloneOptions
from control.alone.place import Place, ephemeral, kept
from control.alone.serve import serve_alone
from control.alone.sockets import LOOPBACK, listen
from control.errors import AloneFailed
from control.store.contract import StoreUnusable

_MEND = "make room, or name another disk (--data, TMPDIR); --data wants a new directory or one that `podwire api` made"


@dataclass(frozen=True, slots=True)
class AloneRun:
    """What is asked of one run. port: 0 for a free one (a kept API's old one, if it can be had).

    data: a directory to keep, or None. kubeconfig: where a copy of it is wanted. command: runs beside, or empty.
    """

    options: AloneOptions
    port: int = 0
    data: Path | None = None
    kubeconfig: Path | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """An API that answers."""

    place: Place
    port: int
    kubeconfig: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://{LOOPBACK}:{self.port}"


def run_alone(run: AloneRun, tell: Callable[[Running], None]) -> int:
    """Serve until SIGINT, SIGTERM or the command's end; the exit code. tell: called when it is ready.

    Raises AloneInvalid, AloneInUse, AloneFailed, PortTaken.
    """
    # Until the loop has its own: a signal ends the process by way of the finally clauses.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with ExitStack() as stack:
        copy = check_copy(run.kubeconfig) if run.kubeconfig is not None else None
        place = stack.enter_context(kept(run.data) if run.data is not None else ephemeral())
        ensure_credentials(place)
        sock = stack.enter_context(listen(run.port or _port_before(place), wanted=bool(run.port)))
        port = sock.getsockname()[1]
        place.port.write_text(f"{port}\n")
        stack.callback(remove_copy, place, copy)
        running = Running(place, port, write_kubeconfig(place, port, copy))
        beside = None
        if run.command:
            environment = {**os.environ, "KUBECONFIG": str(running.kubeconfig)}
            beside = stack.enter_context(Beside(run.command, environment))
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        try:
            return uvloop.run(_serve(running, run.options, sock, beside, tell))
        except StoreUnusable as error:
            raise AloneFailed(f"The objects can't be stored: {error}.", _MEND) from error


def _port_before(place: Place) -> int:
    try:
        return int(place.port.read_text())
    except (OSError, ValueError):
        return 0


async def _serve(
    running: Running,
    options: AloneOptions,
    sock: socket,
    beside: Beside | None,
    tell: Callable[[Running], None],
) -> int:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    task = asyncio.create_task(serve_alone(running.place, options, sock, ready.set), name="api alone")
    asked = threading.Event()

    def end() -> None:
        asked.set()
        task.cancel()

    if beside is None:
        loop.add_signal_handler(signal.SIGTERM, end)
        loop.add_signal_handler(signal.SIGINT, end)
    else:
        # A terminal's Ctrl-C is the command's too, and its end is ours.
        loop.add_signal_handler(signal.SIGTERM, beside.terminate)
        loop.add_signal_handler(signal.SIGINT, lambda: None)
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    code = 0
    if ready.is_set():
        gc.freeze()
        tell(running)
        if beside is not None:
            beside.start()
            code = await _ended(beside, task)
            end()
    try:
        await task
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
    return code


async def _ended(beside: Beside, task: asyncio.Task[None]) -> int:
    """The command's exit code; when the API ends first, the command is ended with it."""
    waiting = asyncio.create_task(beside.wait())
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        beside.terminate()
    return await waiting
