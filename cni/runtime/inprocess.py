"""Our plugin called in-process by a node's agent: no fork, no JSON."""

from collections.abc import Collection

from cni.ipam import verbs as ipam
from cni.ipam.ledger import Ledger
from cni.plugin import attach, verbs
from cni.spec.config import AttachRequest, NodeNetwork
from cni.spec.result import CniResult
from dataplane.fabric.pod import PodLinks
from dataplane.model.topology import pod_link_name

__all__ = ["AttachRequest", "CniResult", "NodeNetwork", "PodNetwork"]


class PodNetwork:
    """The pods' links and addresses of one node. Ledger and kernel are the truth; nothing else is remembered.

    Synchronous; every method may be called from any worker thread, one at a time. Close it, or use it as a
    context: it owns sockets in the node's namespace and its pods'. The links stay.
    """

    def __init__(self, node: NodeNetwork) -> None:
        """Raises NamespaceGone when the node has no namespace."""
        self.node = verbs.settled(node)
        self._ledger = Ledger(node.directory)
        self._links = PodLinks(node.netns)
        for held in ipam.holders(self._ledger):
            self._links.adopt(attach.port(self.node, held))

    def __enter__(self) -> "PodNetwork":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._links.close()

    def add(self, request: AttachRequest) -> CniResult:
        """Give addresses (durably) and plug the pod in, the node's end down. Again: the same result.

        Raises PoolExhausted, LedgerDamaged, KernelError.
        """
        return verbs.add(self.node, self._ledger, self._links, request)

    def enable(self, container_id: str) -> None:
        """Put the node's end up, once the pod's policy is in the kernel; when it returns, packets pass.

        Raises LinkError.
        """
        held = ipam.find(self._ledger, container_id)
        netns = held.netns if held else None
        self._links.enable(pod_link_name(container_id), netns, bridge=self.node.bridge)

    def delete(self, container_id: str, netns: str | None = None) -> None:
        """Unplug, remove the namespace, give the addresses back. What is gone already is no error."""
        verbs.delete(self._ledger, self._links, container_id, netns)

    def check(self, container_id: str) -> None:
        """Raise AttachmentWrong unless the kernel has what ``add`` made."""
        verbs.check(self.node, self._ledger, container_id)

    def status(self) -> None:
        """Raise PluginNotReady when an ``add`` would fail."""
        verbs.status(self.node, self._ledger)

    def gc(self, valid: Collection[str]) -> tuple[str, ...]:
        """Delete all attachments but the valid container ids; the ids of those deleted."""
        return verbs.collect(self._ledger, self._links, valid)

    def list(self) -> tuple[CniResult, ...]:
        """All attachments that the ledger holds, oldest first."""
        return tuple(attach.result(attach.port(self.node, held)) for held in ipam.holders(self._ledger))
