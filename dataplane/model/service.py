"""Services in the kernel's terms: one value a port and family, its backends, and who may get which."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from dataplane.model.address import Family, HostPort, IPAddress
from dataplane.model.origin import Origin


class Transport(IntEnum):
    """Transport protocols of Services, by IP protocol number."""

    TCP = 6
    UDP = 17
    SCTP = 132


class TrafficScope(Enum):
    """Which backends a packet may go to (internalTrafficPolicy, externalTrafficPolicy)."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


@dataclass(frozen=True, slots=True)
class Affinity:
    """Session affinity by client address. timeout_s: how long a client is remembered."""

    timeout_s: int = 10800


@dataclass(frozen=True, slots=True)
class Backend:
    """One endpoint.

    local: on this node. draining: it terminates but still serves; it gets packets only where no backend
    is ready (KEP-1669).
    """

    address: IPAddress
    port: int
    local: bool = False
    draining: bool = False

    @property
    def host_port(self) -> HostPort:
        """Where packets go."""
        return HostPort(self.address, self.port)


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service in one family.

    service: ``namespace/name``. name: of the port, may be empty. cluster_ip: never None; headless Services
    have no kernel state. node_port: None without one. backends: ready ones and draining ones, sorted.
    origin: the Service and the field of the port; not part of equality.
    """

    service: str
    name: str
    cluster_ip: IPAddress
    transport: Transport
    port: int
    backends: tuple[Backend, ...] = ()
    node_port: int | None = None
    affinity: Affinity | None = None
    internal: TrafficScope = TrafficScope.CLUSTER
    external: TrafficScope = TrafficScope.CLUSTER
    origin: Origin | None = field(default=None, compare=False)

    @property
    def family(self) -> Family:
        """Of its address and its backends."""
        return Family.of(self.cluster_ip)

    @property
    def comment(self) -> str:
        """Whose rules these are, for the kernel's listing."""
        return self.origin.comment() if self.origin is not None else f"Service {self.service}"

    def usable(self, scope: TrafficScope) -> tuple[Backend, ...]:
        """The backends that get packets: ready ones in scope, else draining ones in scope."""
        within = [backend for backend in self.backends if scope is TrafficScope.CLUSTER or backend.local]
        return ready_or_draining(within)


def ready_or_draining(backends: Iterable[Backend]) -> tuple[Backend, ...]:
    """Ready backends; those that drain only when none is ready."""
    among = tuple(backends)
    return tuple(backend for backend in among if not backend.draining) or among
