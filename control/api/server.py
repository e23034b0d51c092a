"""The API server: sockets and TLS outside, store inside, the chain between.

One process, one loop. Requests are answered from memory; writes wait for the store's writer thread.
"""

import asyncio
import gc
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from control.api.admission.attempt import Admission
from control.api.admission.definitions import DefinitionWarnings
from control.api.admission.finalizers import FinalizerWarnings
from control.api.admission.lifecycle import NamespaceLifecycle
from control.api.admission.limit_ranger import LimitBounds, LimitDefaults
from control.api.admission.pods import DefaultTolerationSeconds, NoPrivilege, Priority
from control.api.admission.resource_quota import ResourceQuotaAdmission
from control.api.admission.service_account import ServiceAccountAdmission
from control.api.admission.service_addresses import ServiceAddresses
from control.api.allocation import ServiceAllocator
from control.api.audit import Audit
from control.api.authn.filter import Authenticate
from control.api.authn.token import ServiceAccountTokens
from control.api.bodies import BODY_MOST
from control.api.bootstrap import Bootstrap
from control.api.chain import Filter, Handler, as_status, chain, finish
from control.api.config import ApiConfig
from control.api.custom.catalog import Catalog
from control.api.custom.establish import Establisher
from control.api.delete import Deleter
from control.api.discovery import Discovery
from control.api.http_log import HTTP_LOG
from control.api.nonresource import NonResource
from control.api.quota import QuotaLedger
from control.api.quota_status import QuotaStatus
from control.api.read import Reader
from control.api.request import ApiRequest, Json, Response
from control.api.route import parse
from control.api.sub.binding import BindingSubresource
from control.api.sub.eviction import EvictionSubresource
from control.api.sub.finalize import FinalizeSubresource
from control.api.sub.kubelet import KubeletDoor
from control.api.sub.logs import LogSubresource
from control.api.sub.proxy import ProxySubresource
from control.api.sub.scale import ScaleSubresource
from control.api.sub.streams import StreamSubresource
from control.api.sub.token import Reviews, TokenSubresource
from control.api.verbs import SubHandler, Verbs
from control.api.watch import WatchServer
from control.api.write import Writer
from control.client.sockets import watchful
from control.schema.openapi import OpenApi
from control.schema.resource import Registry, ResourceRow, registry
from control.store.contract import Key
from control.store.sqlite import SqliteStore

BACKLOG = 1024
KEEP_ALIVE_S = 180.0
DRAIN_S = 2.0
COLLECT = (50_000, 20, 50)


class ApiServer:
    """One API server; an async context manager that opens the store, then ``serve``.

    Several may run in one process (tests): each has its own store, registry view and sockets.
    """

    def __init__(self, config: ApiConfig) -> None:
        self.config = config
        self.ready = asyncio.Event()
        self._open = AsyncExitStack()
        self._server: web.Server | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            config = self.config
            self.store = await stack.enter_async_context(SqliteStore(config.store, durable=config.durable))
            self.registry = Registry(registry().rows)
            self._allocator = ServiceAllocator(self.store, config.service_cidrs, config.node_ports)
            self._tokens = ServiceAccountTokens(config.sa_key, config.issuer, self._lookup)
            self._quotas = QuotaLedger(self.store)
            admission = self._admission()
            self.writer = Writer(self.store, admission)
            self._quota_status = QuotaStatus(self.registry, self._quotas, self.store, self.writer)
            self._quotas.start()
            self._deleter = Deleter(self.store, admission)
            self._reader = Reader(self.store)
            self._watches = WatchServer(self.store)
            self._catalog = Catalog(self.store, self.registry, self._watches.end)
            self._catalog.start()
            await stack.enter_async_context(
                Establisher(self.store, self.registry, self._catalog, self.writer, self._deleter)
            )
            self._door = KubeletDoor(self.store, config)
            stack.push_async_callback(self._door.close)
            filters: list[Filter] = [as_status, Authenticate(self._tokens)]
            if config.audit is not None:
                filters.insert(0, stack.enter_context(Audit(config.audit)))
            self._nonresource = NonResource(
                Discovery(self.registry, f"{config.advertise[0]}:{config.advertise_port}"),
                self.store,
                self.ready.is_set,
                OpenApi(self.registry, lambda: self._catalog.changes),
            )
            self._verbs = self._build_verbs()
            self._chain: Handler = chain(filters, self._dispatch)
            await Bootstrap(self.store, self.writer, self.registry, config).run()
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def _admission(self) -> Admission:
        accounts = (ServiceAccountAdmission(self.store),) if self.config.service_accounts else ()
        return Admission(
            mutating=(
                NamespaceLifecycle(self.store),
                LimitDefaults(self.store),
                *accounts,
                Priority(self.store),
                DefaultTolerationSeconds(self.config.tolerated_s),
                ServiceAddresses(self._allocator),
            ),
            validating=(
                NoPrivilege(),
                DefinitionWarnings(),
                FinalizerWarnings(),
                LimitBounds(self.store),
                ResourceQuotaAdmission(self._quotas),
            ),
        )

    def _build_verbs(self) -> Verbs:
        scale = ScaleSubresource(self._reader, self.writer)
        scaled = ("deployments", "replicasets", "statefulsets", "replicationcontrollers")
        subs: dict[str, SubHandler] = {f"{plural}/scale": scale for plural in scaled}
        subs["custom/scale"] = scale
        subs["pods/binding"] = BindingSubresource(self.writer)
        subs["pods/eviction"] = EvictionSubresource(self.store, self.writer, self._deleter)
        subs["serviceaccounts/token"] = TokenSubresource(self.store, self._tokens)
        subs["namespaces/finalize"] = FinalizeSubresource(self.writer)
        subs["pods/log"] = LogSubresource(self._door)
        subs |= dict.fromkeys(
            ("pods/proxy", "services/proxy", "nodes/proxy"), ProxySubresource(self.store, self._door)
        )
        for name, what in (("exec", "exec"), ("attach", "attach"), ("portforward", "portForward")):
            subs[f"pods/{name}"] = StreamSubresource(self._door, what)
        reviews = Reviews(self._tokens)
        virtual: dict[str, SubHandler] = {
            "/bindings": self._old_binding,
            "authorization.k8s.io/selfsubjectaccessreviews": reviews.access,
            "authorization.k8s.io/subjectaccessreviews": reviews.access,
            "authorization.k8s.io/localsubjectaccessreviews": reviews.access,
            "authorization.k8s.io/selfsubjectrulesreviews": reviews.rules,
            "authentication.k8s.io/selfsubjectreviews": reviews.self_subject,
            "authentication.k8s.io/tokenreviews": reviews.token,
        }
        return Verbs(
            self.registry, self.store, self._reader, self.writer, self._deleter, self._watches, subs, virtual
        )

    async def _old_binding(self, row: ResourceRow, request: ApiRequest) -> Response:
        """POST of ``…/bindings``, which names its pod in the body."""
        pods = registry().by_kind("v1", "Pod")
        return await BindingSubresource(self.writer)(pods or row, request)

    def _lookup(self, plural: str, namespace: str, name: str) -> Json | None:
        entry = self.store.get(Key(f"/{plural}", namespace, name))
        return entry.parsed() if entry is not None else None

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        """Answer on listening sockets until cancelled; then end the watches and let answers under way finish."""
        loop = asyncio.get_running_loop()
        self._server = web.Server(
            self._handle,
            request_factory=_request,
            handler_cancellation=True,
            access_log=None,
            logger=HTTP_LOG,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=32 << 10,
            max_field_size=32 << 10,
        )
        context = server_context(self.config)
        listeners = [
            # What is set on a listening socket holds for those it accepts: a watch whose wire was cut ends.
            await loop.create_server(self._server, sock=watchful(sock), ssl=context, backlog=BACKLOG)
            for sock in sockets
        ]
        # What was loaded stays: the collector need not look at it again; and requests leave few cycles behind.
        gc.freeze()
        gc.set_threshold(*COLLECT)
        self.ready.set()
        try:
            await self._quota_status.run()
        finally:
            self.ready.clear()
            for listener in listeners:
                listener.close()
            self._watches.stop()
            # Connections that wait for a next request end now; without this each is waited for as if it answered.
            self._server.pre_shutdown()
            await self._server.shutdown(DRAIN_S)

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        raw = http.rel_url.raw_path
        request = ApiRequest(http, parse(http.method, raw, http.query))
        metrics, began, code = self._nonresource.metrics, time.monotonic(), 0
        metrics.begin(request.route)
        try:
            response = await finish(request, self._chain)
            code = response.status
            return response
        finally:
            metrics.end(request.route, code, time.monotonic() - began)

    async def _dispatch(self, request: ApiRequest) -> Response:
        if request.route.is_resource:
            return await self._verbs.answer(request)
        return await self._nonresource.answer(request)


def server_context(config: ApiConfig) -> ssl.SSLContext:
    """TLS with optional client certificates, HTTP/1.1 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.serving_cert, config.serving_key)
    context.load_verify_locations(config.client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = (
        0  # nobody resumes, and two tickets are a third of a handshake's cost (0.4 of 1.2 ms)
    )
    context.set_alpn_protocols(["http/1.1"])
    return context


def _request(*args: Any) -> web.BaseRequest:
    """aiohttp's request, with our limit on bodies."""
    message, payload, protocol, writer, task = args
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_MOST)
