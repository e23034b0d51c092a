"""What policies are judged against: pods, namespaces and nodes at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dataplane.model.address import IPAddress
from dataplane.model.origin import Origin


class NamedPort(NamedTuple):
    """A container port that has a name."""

    name: str
    protocol: int
    number: int


@dataclass(frozen=True, slots=True)
class PodFacts:
    """One pod as policies see it.

    ips: none before its network is made. ports: its containers' ports that have names.
    finished: phase Succeeded or Failed; its addresses may be somebody else's by now.
    host_network: it is its node, as far as policies go.
    """

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str] = field(hash=False)
    ips: tuple[IPAddress, ...] = ()
    ports: frozenset[NamedPort] = frozenset()
    node: str = ""
    finished: bool = False
    host_network: bool = False
    origin: Origin = field(default=Origin("Pod", "", ""), compare=False)

    @property
    def key(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    """One namespace; its labels include kubernetes.io/metadata.name, which the API server always sets."""

    name: str
    labels: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node and all addresses that it may show as a source."""

    name: str
    addresses: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class World:
    """A snapshot. pods by uid, namespaces and nodes by name."""

    pods: Mapping[str, PodFacts]
    namespaces: Mapping[str, NamespaceFacts]
    nodes: Mapping[str, NodeFacts] = field(default_factory=dict)

    def owner(self, address: IPAddress) -> PodFacts | None:
        """The running pod that has this address of its own; None for nodes and everything outside."""
        for pod in self.pods.values():
            if address in pod.ips and not pod.finished and not pod.host_network:
                return pod
        return None
