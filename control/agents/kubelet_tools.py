"""What every pod's worker shares: the node, the API, the network, the runtime, time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from control.agents.context import NodeContext
from control.agents.gate import PolicyGate
from control.agents.pod_network import PodNetworkAsync
from control.agents.probe_io import MakeSocket
from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.events import EventRecorder
from control.client.resources import CONFIGMAPS, SECRETS
from control.errors import NotFound
from control.workload.runtime import ZygoteClient

Json = dict[str, Any]


class Sockets(Protocol):
    """``dataplane.netns.enter.SocketMaker`` as the kubelet uses it."""

    def socket(self, family: int, kind: int, proto: int = 0) -> Any:
        """A socket of the node's namespace."""


@dataclass(frozen=True, slots=True)
class KubeletTools:
    """Shared by the workers of one node. service_links: a namespace → its Services' variables.

    capacity: the node's ``cpu`` and ``memory``. hidden: PODWIRE_HOME.
    """

    ctx: NodeContext
    client: ApiClient
    network: PodNetworkAsync
    gate: PolicyGate
    make_socket: MakeSocket
    runtime: ZygoteClient
    events: EventRecorder
    clock: Clock
    service_links: Callable[[str], Mapping[str, str]]
    capacity: Mapping[str, str] = field(default_factory=dict)
    hidden: str = "/var/lib/podwire"

    async def config_map(self, namespace: str, name: str) -> Json | None:
        """A ConfigMap, None when it is not there."""
        try:
            return await self.client.get(CONFIGMAPS, name, namespace)
        except NotFound:
            return None

    async def secret(self, namespace: str, name: str) -> Json | None:
        """A Secret, None when it is not there."""
        try:
            found = await self.client.get(SECRETS, name, namespace)
        except NotFound:
            return None
        return {"kind": "Secret", **found}


def rfc3339(moment: datetime | float) -> str:
    """A time as the API writes it, to the second. A float counts Unix seconds."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
