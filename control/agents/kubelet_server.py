"""The kubelet's own door, :10250 in its node: logs, exec, attach, health. TLS, client certificates required."""

import asyncio
import logging
import socket
import ssl
import time
from pathlib import Path
from typing import Any, Protocol

import orjson
from aiohttp import web

from control.agents.container_keeper import ContainerKeeper
from control.agents.context import NodeContext
from control.agents.kubelet_figures import metrics_text, summary
from control.agents.kubelet_streams import serve_attach, serve_exec
from control.agents.kubelet_tools import Sockets
from control.agents.log_reader import LogQuery, read_log
from control.agents.pod_worker import PodWorker
from control.agents.port_forward import ForwardTarget
from control.agents.port_forward_server import serve_port_forward
from control.agents.translate.pod import netns_of, uid_of
from control.names import KUBELET_PORT
from control.workload.runtime import ZygoteClient

log = logging.getLogger(__name__)


class Workers(Protocol):
    """What the server asks the kubelet."""

    @property
    def workers(self) -> Any:
        """All workers, by uid."""

    @property
    def runtime(self) -> ZygoteClient:
        """For exec."""

    def worker(self, namespace: str, name: str) -> PodWorker | None:
        """By the pod's name."""


class KubeletServer:
    """Owns the listening socket of one node's kubelet."""

    def __init__(self, ctx: NodeContext, kubelet: Workers, sockets: Sockets) -> None:
        self._ctx, self._kubelet, self._sockets = ctx, kubelet, sockets

    async def run(self) -> None:
        """Serve until cancelled."""
        app = web.Application()
        self._ctx.pod_logs.mkdir(parents=True, exist_ok=True)
        app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/healthz/{check:ping|log|syncloop}", self._health),
                web.get("/metrics", self._metrics),
                web.get("/stats/summary", self._summary),
                # The node's own logs: podwire keeps its pods' there, in a kubelet's layout.
                web.static("/logs", self._ctx.pod_logs.parent, show_index=True),
                web.get("/pods", self._pods),
                web.get("/containerLogs/{namespace}/{pod}/{container}", self._logs),
                web.route("*", "/exec/{namespace}/{pod}/{container}", self._exec),
                web.route("*", "/exec/{namespace}/{pod}/{uid}/{container}", self._exec),
                web.route("*", "/attach/{namespace}/{pod}/{container}", self._attach),
                web.route("*", "/attach/{namespace}/{pod}/{uid}/{container}", self._attach),
                web.route("*", "/portForward/{namespace}/{pod}", self._port_forward),
                web.route("*", "/portForward/{namespace}/{pod}/{uid}", self._port_forward),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.SockSite(runner, self._listen(), ssl_context=self._tls())
            await site.start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def _listen(self) -> socket.socket:
        v6 = any(address.version == 6 for address in self._ctx.addresses)
        family, address = (socket.AF_INET6, "::") if v6 else (socket.AF_INET, "0.0.0.0")
        sock: socket.socket = self._sockets.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((address, KUBELET_PORT))
        sock.listen(128)
        sock.setblocking(False)
        return sock

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._ctx.serving_cert, self._ctx.serving_key)
        context.load_verify_locations(self._ctx.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _metrics(self, _: web.Request) -> web.Response:
        text = metrics_text(self._ctx, self._kubelet.workers.values())
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _summary(self, _: web.Request) -> web.Response:
        found = summary(self._ctx, self._kubelet.workers.values(), time.time())
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    async def _pods(self, _: web.Request) -> web.Response:
        items = [worker.pod for worker in self._kubelet.workers.values()]
        found = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    def _worker(self, request: web.Request) -> PodWorker:
        namespace, pod = request.match_info["namespace"], request.match_info["pod"]
        worker = self._kubelet.worker(namespace, pod)
        if worker is None:
            raise web.HTTPNotFound(text=f'pod "{pod}" not found in namespace "{namespace}"')
        return worker

    def _find(self, request: web.Request) -> tuple[PodWorker, ContainerKeeper]:
        namespace, pod = request.match_info["namespace"], request.match_info["pod"]
        name, worker = request.match_info["container"], self._worker(request)
        keeper = worker.keeper(name)
        if keeper is None:
            raise web.HTTPNotFound(text=f"container {name} not found in pod {pod}_{namespace}")
        return worker, keeper

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        worker, keeper = self._find(request)
        try:
            query = LogQuery.from_query(dict(request.query))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"invalid log options: {error}") from error
        path, running = self._log_of(request, worker, keeper)
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        async for piece in read_log(path, query, running):
            await response.write(piece)
        await response.write_eof()
        return response

    def _log_of(self, request: web.Request, worker: PodWorker, keeper: ContainerKeeper) -> tuple[Path, Any]:
        """The file to read, and whether more may come. Raises HTTPBadRequest as a kubelet words it."""
        pod = request.match_info["pod"]
        attempt = keeper.attempt
        if request.query.get("previous", "").lower() in {"1", "true"}:
            path = worker.log_path(keeper.container, attempt - 1)
            if attempt == 0 or not path.exists():
                words = f'previous terminated container "{keeper.name}" in pod "{pod}" not found'
                raise web.HTTPBadRequest(text=words)
            return path, lambda: False
        path = worker.log_path(keeper.container, attempt)
        if not path.exists() and attempt:
            path = worker.log_path(keeper.container, attempt - 1)
        if not path.exists():
            reason = keeper.state.get("waiting", {}).get("reason", "ContainerCreating")
            words = f'container "{keeper.name}" in pod "{pod}" is waiting to start: {reason}'
            raise web.HTTPBadRequest(text=words)
        return path, lambda: keeper.running and keeper.attempt == attempt

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        worker, keeper = self._find(request)
        command = tuple(request.query.getall("command", []))
        if not command:
            raise web.HTTPBadRequest(text="you must specify at least 1 command")
        self._must_run(worker, keeper)
        return await serve_exec(request, self._kubelet.runtime, keeper, command)

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        worker, keeper = self._find(request)
        self._must_run(worker, keeper)
        return await serve_attach(request, keeper)

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        pod = self._worker(request).pod
        return await serve_port_forward(request, ForwardTarget(netns_of(self._ctx, pod), uid_of(pod)))

    def _must_run(self, worker: PodWorker, keeper: ContainerKeeper) -> None:
        if not keeper.running:
            meta = worker.pod["metadata"]
            words = f'container not found ("{keeper.name}")'
            log.info("%s/%s: %s", meta["namespace"], meta["name"], words)
            raise web.HTTPInternalServerError(text=words)
