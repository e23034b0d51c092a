"""What a backend of Services offers to the node's proxy, whatever it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from dataplane.model.address import Family, IPAddress, IPNetwork
from dataplane.model.service import ServicePort

Ports = tuple[ServicePort, ...]
"""All ports of one Service, in every family."""


@dataclass(frozen=True, slots=True)
class ServiceNode:
    """The node that Services are programmed for.

    addresses: the node's own; NodePorts are answered there. cluster_cidrs: ranges of all pods.
    service_cidrs: ranges of ClusterIPs. node_cidrs: networks of the nodes; pods' packets to pods, Services
    and nodes keep their source, those to anywhere else are masqueraded.
    """

    addresses: tuple[IPAddress, ...]
    cluster_cidrs: tuple[IPNetwork, ...]
    service_cidrs: tuple[IPNetwork, ...]
    node_cidrs: tuple[IPNetwork, ...] = ()

    @property
    def families(self) -> tuple[Family, ...]:
        """Families that Services have."""
        return tuple(
            family for family in Family if any(Family.of(cidr) is family for cidr in self.service_cidrs)
        )


@dataclass(frozen=True, slots=True)
class Synced:
    """What a change did. services: how many were compiled; elements: changed in the kernel; stale: conntrack
    entries deleted; microseconds: spent in the kernel.
    """

    services: int = 0
    elements: int = 0
    stale: int = 0
    microseconds: float = 0.0


class ServiceBackend(Protocol):
    """Services of one node in its kernel."""

    def start(self, want: Mapping[str, Ports]) -> Synced:
        """Bring the kernel, whatever it has, to these Services. Raises KernelError."""
        ...

    def replace(self, changed: Mapping[str, Ports]) -> Synced:
        """New ports of some Services, by ``namespace/name``; () takes a Service away. Costs O(change)."""
        ...
