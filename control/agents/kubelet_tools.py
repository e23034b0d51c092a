"""What every pod's worker shares: the node, the API, the network, the runtime, time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from control.agents.context import NodeContext
from control.agents.gate import PolicyGate
from control.agents.pod_network import PodNetworkAsync
from control.agents.probe_io import MakeSocket
from control.agents.service_links import ServiceLinks
from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.events import EventRecorder
from control.client.resources import CONFIGMAPS, SECRETS, Resource
from control.errors import ApiError, NotFound
from control.workload.runtime import ZygoteClient

Json = dict[str, Any]
API_LANES = 6
_FRESH_S = 1.0


class Sockets(Protocol):
    """``dataplane.netns.enter.SocketMaker`` as the kubelet uses it."""

    def socket(self, family: int, kind: int, proto: int = 0) -> Any:
        """A socket of the node's namespace."""


@dataclass(frozen=True, slots=True)
class KubeletTools:
    """Shared by the workers of one node. service_links: what pods hear of Services.

    capacity: the node's ``cpu`` and ``memory``.
    lane: requests at a time; a burst of pods would else open a TLS connection each.
    """

    ctx: NodeContext
    client: ApiClient
    network: PodNetworkAsync
    gate: PolicyGate
    make_socket: MakeSocket
    runtime: ZygoteClient
    events: EventRecorder
    clock: Clock
    service_links: ServiceLinks
    capacity: Mapping[str, str] = field(default_factory=dict)
    lane: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(API_LANES))
    fetched: dict[tuple[str, str, str], tuple[float, asyncio.Task[Json | None]]] = field(default_factory=dict)

    async def config_map(self, namespace: str, name: str) -> Json | None:
        """A ConfigMap, None when it is not there; at most a second old."""
        return await self._fetch(CONFIGMAPS, namespace, name)

    async def secret(self, namespace: str, name: str) -> Json | None:
        """A Secret, None when it is not there; at most a second old."""
        found = await self._fetch(SECRETS, namespace, name)
        return None if found is None else {"kind": "Secret", **found}

    async def _fetch(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """One request for all pods that ask within a second: a hundred pods of a namespace share its CA's map."""
        key = (resource.plural, namespace, name)
        now = self.clock.monotonic()
        for old in [k for k, (at, _) in self.fetched.items() if now - at > _FRESH_S]:
            del self.fetched[old]
        if key not in self.fetched:
            self.fetched[key] = (now, asyncio.ensure_future(self._get(resource, namespace, name)))
        task = self.fetched[key][1]
        try:
            found = await asyncio.shield(task)
        except (ApiError, ApiUnreachable):
            self.fetched.pop(key, None)
            raise
        if found is None:
            self.fetched.pop(key, None)  # it may come at any moment
        return found

    async def _get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        try:
            async with self.lane:
                return await self.client.get(resource, name, namespace)
        except NotFound:
            return None


def rfc3339(moment: datetime | float) -> str:
    """A time as the API writes it, to the second. A float counts Unix seconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
