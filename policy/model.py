"""A NetworkPolicy as values; every part carries the field it came from.

Nothing here decides anything: the oracle and the compiler each evaluate these values on their own, so that
a mistake in one shows as a difference from the other.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from dataplane.model.address import IPNetwork
from dataplane.model.origin import Origin

TCP, UDP, SCTP = 6, 17, 132
PROTOCOLS = {"TCP": TCP, "UDP": UDP, "SCTP": SCTP}
PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}


class Operator(StrEnum):
    """Operators of matchExpressions."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One entry of matchExpressions."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: all of it must hold; an empty one selects everything."""

    match_labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[Requirement, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """Label keys that it looks at."""
        return frozenset(key for key, _ in self.match_labels) | {e.key for e in self.expressions}


@dataclass(frozen=True, slots=True)
class PodPeer:
    """Pods as peers.

    namespaces: None means the policy's own namespace; an empty selector means every namespace.
    pods: None means every pod of those namespaces, as an empty selector does.
    """

    namespaces: Selector | None
    pods: Selector | None
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True)
class BlockPeer:
    """An address range as a peer, less the ranges in ``excepts``."""

    cidr: IPNetwork
    excepts: tuple[IPNetwork, ...]
    origin: Origin = field(compare=False)


Peer = PodPeer | BlockPeer


@dataclass(frozen=True, slots=True)
class PortMatch:
    """One entry of ports.

    port: a number, a container port's name, or None for the whole protocol.
    end_port: last port of a range that begins at ``port``, else None.
    """

    protocol: int
    port: int | str | None
    end_port: int | None
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ingress or egress. No peers means everybody; no ports means every port and protocol."""

    peers: tuple[Peer, ...]
    ports: tuple[PortMatch, ...]
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """One NetworkPolicy.

    ingress, egress: None where policyTypes leaves the direction out (the policy does not isolate there);
    an empty tuple isolates and allows nobody.
    """

    namespace: str
    name: str
    pods: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None
    origin: Origin = field(compare=False)

    @property
    def key(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"
