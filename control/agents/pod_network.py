"""The pod network's synchronous calls, run one after another in a worker thread of their own."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class SyncPodNetwork(Protocol):
    """What ``cni.runtime.inprocess.PodNetwork`` offers; a test may give something smaller."""

    def add(self, request: Any, /) -> Any:
        """Addresses, namespace and link of a pod; the node's end stays down."""

    def enable(self, container_id: str, /) -> Any:
        """The node's end goes up."""

    def delete(self, container_id: str, netns: str, /) -> Any:
        """Link, addresses and namespace go; fine when they are gone."""

    def gc(self, valid: Any, /) -> Any:
        """Release what no pod of ``valid`` holds."""


class PodNetworkAsync:
    """One thread that makes, uses and closes the network object (pyroute2 handles must not change threads)."""

    def __init__(self, make: Callable[[], SyncPodNetwork], name: str = "cni") -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._make = make
        self._network: SyncPodNetwork | None = None

    async def add(self, request: Any) -> Any:
        """See ``PodNetwork.add``."""
        return await self._call(lambda network: network.add(request))

    async def enable(self, container_id: str) -> None:
        """See ``PodNetwork.enable``."""
        await self._call(lambda network: network.enable(container_id))

    async def delete(self, container_id: str, netns: str) -> None:
        """See ``PodNetwork.delete``."""
        await self._call(lambda network: network.delete(container_id, netns))

    async def gc(self, valid: Iterable[str]) -> None:
        """See ``PodNetwork.gc``."""
        keep = frozenset(valid)
        await self._call(lambda network: network.gc(keep))

    def close(self) -> None:
        """End the thread; a call under way is finished first."""
        self._thread.shutdown(wait=True)

    async def _call(self, work: Callable[[SyncPodNetwork], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[SyncPodNetwork], T]) -> T:
        if self._network is None:
            self._network = self._make()
        return work(self._network)
