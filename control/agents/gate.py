"""The gate between a pod's network and its first packet: policy first, then the link goes up."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dataplane.model.address import IPAddress


class PolicyGate(Protocol):
    """What the kubelet asks of the policy enforcer of its node.

    Order for a new pod: addresses are known, ``admit`` returns, only then the node's end of the link goes up.
    Order for a pod that goes: the link is taken away, then ``retire``.
    """

    async def admit(self, pod: Mapping[str, Any], addresses: Sequence[IPAddress]) -> None:
        """Return once the kernel has answered the transaction that holds this pod's verdicts.

        They follow from all policies and namespaces that the API acknowledged before this version of the pod; the
        pod waits, without a network, until the node has heard of them.
        pod: the Pod object as last seen. addresses: what CNI gave it, at most one a family.
        Idempotent: an agent that starts again admits the pods it finds.
        """

    async def retire(self, pod_uid: str, addresses: Sequence[IPAddress]) -> None:
        """Forget the pod's addresses; nothing may pass by them any more. Idempotent."""
