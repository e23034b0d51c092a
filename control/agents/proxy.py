"""A node's proxy: Services and EndpointSlices from watches, into the node's kernel."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from control.agents.context import NodeContext
from control.agents.translate.service import service_key, service_of_slice, service_ports
from control.client.informer import Informer
from dataplane.errors import KernelError
from dataplane.nft.handle import NftHandle
from dataplane.services.contract import Ports, ServiceBackend, ServiceNode, Synced
from dataplane.services.nft_sync import NftServices

log = logging.getLogger(__name__)

Json = dict[str, Any]
Source = tuple[str, Json | None, list[Json]]
"""A Service's key, the Service, its slices."""

APART_S: Final = 0.005
"""Least time between two transactions: a lone change goes at once, a burst goes together."""
RETRY_S: Final = (0.1, 10.0)
AUDIT_S: Final = 300.0
"""How often the kernel is read again and what a stranger changed is mended."""
_SERVICE_INDEX: Final = "service"


class Proxy:
    """Keeps a node's Services in its kernel. One task, ``run``; the kernel's work in one thread of its own.

    handle: nf_tables of the node's namespace; closed when ``run`` ends.
    programmed: set once all Services that were there at start are in the kernel.
    """

    def __init__(
        self,
        ctx: NodeContext,
        services: Informer,
        slices: Informer,
        handle: NftHandle,
        *,
        make_backend: Callable[[NftHandle, ServiceNode], ServiceBackend] = NftServices,
    ) -> None:
        self._ctx = ctx
        self._services = services
        self._slices = slices
        self._handle = handle
        self._make_backend = make_backend
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()
        self.programmed = asyncio.Event()
        self._compare_wanted = False
        self.last = Synced()
        """What the last change did, for logs and benches."""
        slices.index(_SERVICE_INDEX, _service_names)
        services.on_change(self._service_changed)
        slices.on_change(self._slice_changed)

    def _service_changed(self, old: Json | None, new: Json | None) -> None:
        for obj in (old, new):
            if obj is not None:
                self._touch(service_key(obj))

    def _slice_changed(self, old: Json | None, new: Json | None) -> None:
        for obj in (old, new):
            if obj is not None and (service := service_of_slice(obj)) is not None:
                self._touch(service)

    def compare_now(self) -> None:
        """Read the kernel and mend what differs, not at the next round but now."""
        self._compare_wanted = True
        self._wake.set()

    def _touch(self, service: str) -> None:
        self._dirty.add(service)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Starts anew from what the kernel has when a transaction is refused."""
        await self._services.synced.wait()
        await self._slices.synced.wait()
        with ThreadPoolExecutor(1, thread_name_prefix=f"proxy-{self._ctx.name}") as thread:
            backend = self._make_backend(self._handle, service_node(self._ctx))
            retry_s = RETRY_S[0]
            try:
                while True:
                    try:
                        await self._start(thread, backend)
                        retry_s = RETRY_S[0]
                        await self._follow(thread, backend)
                    except KernelError as error:
                        log.error("%s; all Services again in %.1f s", error, retry_s)
                        await asyncio.sleep(retry_s)
                        retry_s = min(retry_s * 2, RETRY_S[1])
            finally:
                self._handle.close()

    async def _start(self, thread: ThreadPoolExecutor, backend: ServiceBackend) -> None:
        """Every Service there is; the kernel's own state is read and only the difference applied."""
        self._dirty.clear()
        sources = self._sources(self._services.items)
        self.last = await self._call(thread, lambda: backend.start(self._translated(sources)))
        self.programmed.set()
        log.info("%d Services, %d elements changed at start", self.last.services, self.last.elements)

    async def _follow(self, thread: ThreadPoolExecutor, backend: ServiceBackend) -> None:
        """What changes, until it is time to compare with the kernel again."""
        audit_at = time.monotonic() + AUDIT_S
        while (left_s := audit_at - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._wake.wait()
            except TimeoutError:
                return
            self._wake.clear()
            if self._compare_wanted:
                self._compare_wanted = False
                return
            sources = self._sources(self._dirty)
            self._dirty.clear()
            if sources:
                self.last = await self._call(thread, lambda: backend.replace(self._translated(sources)))  # noqa: B023 - awaited here
                await asyncio.sleep(APART_S)

    def _sources(self, services: Iterable[str]) -> list[Source]:
        """What the worker thread translates; taken here, as the informers change in the loop."""
        return [
            (key, self._services.items.get(key), self._slices.by_index(_SERVICE_INDEX, key))
            for key in services
        ]

    def _translated(self, sources: Iterable[Source]) -> dict[str, Ports]:
        """A Service that can't be read has no rules: it must not keep the others from theirs."""
        ports: dict[str, Ports] = {}
        for key, service, slices in sources:
            try:
                ports[key] = service_ports(service, slices, self._ctx.name)
            except (KeyError, ValueError) as error:
                log.error("Service %s is left out, it can't be read: %r", key, error)
                ports[key] = ()
        return ports

    async def _call(self, thread: ThreadPoolExecutor, work: Callable[[], Synced]) -> Synced:
        return await asyncio.get_running_loop().run_in_executor(thread, work)


def service_node(ctx: NodeContext) -> ServiceNode:
    """The node as Services see it."""
    return ServiceNode(ctx.addresses, ctx.cluster_cidrs, ctx.service_cidrs, ctx.node_cidrs)


def _service_names(endpoint_slice: Json) -> list[str]:
    service = service_of_slice(endpoint_slice)
    return [service] if service else []
