"""Our plugin called in-process by a node's agent: no fork, no JSON."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dataplane.model.address import IPAddress, IPNetwork, MacAddress
from dataplane.model.topology import IPInterface


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """What the plugin must know of its node.

    netns: the node's namespace. pod_cidrs: one a family, the primary first. mtu: of pods' links, in bytes.
    directory: where the ledger lives; it survives the agent and the machine.
    """

    node: str
    netns: str
    pod_cidrs: tuple[IPNetwork, ...]
    mtu: int
    directory: Path


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """One pod to plug in. container_id: its uid. netns: name of its namespace, made when missing."""

    container_id: str
    netns: str
    namespace: str
    pod: str
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class CniResult:
    """What a pod got. addresses: with prefix length, in the order of the node's families."""

    container_id: str
    netns: str
    interface: str
    host_interface: str
    mac: MacAddress
    addresses: tuple[IPInterface, ...]
    gateways: tuple[IPAddress, ...]

    @property
    def ips(self) -> tuple[IPAddress, ...]:
        """The bare addresses, for ``status.podIPs``."""
        return tuple(address.ip for address in self.addresses)


class PodNetwork:
    """The pods' links and addresses of one node. Owns nothing in memory: ledger and kernel are the truth.

    Synchronous; every method may be called from any worker thread, one at a time.
    """

    def __init__(self, node: NodeNetwork) -> None:
        self.node = node

    def add(self, request: AttachRequest) -> CniResult:
        """Give addresses (durably) and plug the pod in, the node's end down. Again: the same result.

        Raises PoolExhausted, KernelError.
        """
        raise NotImplementedError

    def enable(self, container_id: str) -> None:
        """Put the node's end up, once the pod's policy is in the kernel."""
        raise NotImplementedError

    def delete(self, container_id: str, netns: str | None = None) -> None:
        """Unplug, remove the namespace, give the addresses back. What is gone already is no error."""
        raise NotImplementedError

    def gc(self, valid: Collection[str]) -> tuple[str, ...]:
        """Delete all attachments but the valid container ids; the ids of those deleted."""
        raise NotImplementedError

    def list(self) -> tuple[CniResult, ...]:
        """All attachments that the ledger holds, oldest first."""
        raise NotImplementedError
