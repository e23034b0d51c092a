"""Servers to be measured, each a process on a core of its own: the API server, and an echo on the same library."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from aiohttp import web

from control.api.config import ApiConfig
from control.api.server import ApiServer, server_context
from control.lab import pki


@dataclass(frozen=True)
class Peer:
    """A server's process, and how a client reaches it."""

    pid: int
    port: int
    context: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """What it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Its resident set, shared pages included."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def _api(config: ApiConfig, sock: socket.socket) -> None:
    async with ApiServer(config) as server:
        await server.serve([sock])


async def _echo(config: ApiConfig, sock: socket.socket, body: bytes) -> None:
    """The same TLS, the same library, and an answer that is there already."""

    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    server = web.Server(answer, access_log=None)
    await asyncio.get_running_loop().create_server(server, sock=sock, ssl=server_context(config))
    await asyncio.get_running_loop().create_future()


@contextmanager
def serving(directory: Path, echo: bytes | None = None) -> Iterator[Peer]:
    """An API server on an empty store, or an echo with that body. Ours is the last core, the server's the first."""
    directory.mkdir(exist_ok=True)
    ca = pki.create_ca(directory)
    server = pki.issue(ca, directory, "api", pki.Subject("api", (), ("127.0.0.1",)), pki.Usage.SERVER)
    admin = pki.issue(ca, directory, "admin", pki.Subject("admin", ("system:masters",)), pki.Usage.CLIENT)
    key = pki.service_account_key(directory)
    config = ApiConfig(directory / "store.db", ca.files.cert, server.cert, server.key, key)
    context = ssl.create_default_context(cafile=str(ca.files.cert))
    context.load_cert_chain(admin.cert, admin.key)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as sock:
        run: Callable[[], Awaitable[None]] = (
            (lambda: _api(config, sock)) if echo is None else (lambda: _echo(config, sock, echo))
        )
        pid = os.fork()
        if pid == 0:
            try:
                os.sched_setaffinity(0, {0})
                uvloop.run(run())  # type: ignore[arg-type]  # both are coroutines
            finally:
                os._exit(0)
        port = sock.getsockname()[1]
    try:
        yield Peer(pid, port, context)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
