"""The question that the oracle answers, and its answer."""

from dataclasses import dataclass

from dataplane.model.address import IPAddress
from dataplane.model.origin import Origin
from policy.world import PodFacts

End = PodFacts | IPAddress
"""One end of a flow: a pod, or an address that no pod owns (a node, the world outside)."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection, or a datagram and its answers, as the destination is after Services have translated it.

    protocol: IP protocol number; other than TCP, UDP and SCTP only rules without ports match.
    port: of the destination. source_address, destination_address: what the packet shows, where a pod has
    several; by default the pod's first.
    """

    source: End
    destination: End
    protocol: int
    port: int
    source_address: IPAddress | None = None
    destination_address: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one end lets a flow pass or not.

    text: a sentence. rule: the rule that allows it. isolated_by: the policies that isolate that pod.
    """

    allowed: bool
    text: str
    rule: Origin | None = None
    isolated_by: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class OracleVerdict:
    """Both ends must allow it. egress is the source's reason, ingress the destination's."""

    allowed: bool
    egress: Reason
    ingress: Reason

    @property
    def reason(self) -> Reason:
        """The reason that decides: the first that denies, else the one that says most."""
        if not self.egress.allowed:
            return self.egress
        if not self.ingress.allowed:
            return self.ingress
        return self.ingress if self.ingress.rule or not self.egress.rule else self.egress
