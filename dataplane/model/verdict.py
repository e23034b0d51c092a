"""NetworkPolicy in the kernel's terms: identities of peers, groups of pods, what each group lets pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dataplane.model.address import Family, IPAddress, IPNetwork
from dataplane.model.origin import Origin

FREE = ""
"""Group name of a pod that no policy isolates in that direction (or that a rule opens to everybody)."""


class Direction(StrEnum):
    """Which end of a flow a rule guards: ingress its destination, egress its source."""

    INGRESS = "ingress"
    EGRESS = "egress"


class PortRange(NamedTuple):
    """Ports first..last of one transport protocol (IP protocol number); the whole protocol is 0..65535."""

    protocol: int
    first: int
    last: int


class AddressRange(NamedTuple):
    """Addresses first..last, both included, of one family."""

    first: IPAddress
    last: IPAddress

    @property
    def family(self) -> Family:
        """Family of both ends."""
        return Family.of(self.first)


class Allowance(NamedTuple):
    """One thing that a group lets pass: a peer, on some ports.

    peer: an identity, an address range, or None for everybody.
    ports: None for every port and protocol, ICMP included.
    """

    peer: int | AddressRange | None
    ports: PortRange | None


class Form(StrEnum):
    """The shapes an Allowance can have; a backend keeps one small table for each that a group needs."""

    IDENTITY_PORT = "ports"
    IDENTITY = "peers"
    IDENTITY_RANGE = "ranges"
    ANY_PORT = "anyports"
    ANY_RANGE = "anyranges"
    BLOCK4 = "blocks4"
    BLOCK6 = "blocks6"
    BLOCK4_PORTS = "blockports4"
    BLOCK6_PORTS = "blockports6"

    @classmethod
    def of(cls, allowance: Allowance) -> "Form":
        """The form of one allowance; ValueError for everybody on every port, which is no restriction."""
        peer, ports = allowance
        if isinstance(peer, AddressRange):
            if peer.family is Family.V4:
                return cls.BLOCK4 if ports is None else cls.BLOCK4_PORTS
            return cls.BLOCK6 if ports is None else cls.BLOCK6_PORTS
        if ports is None:
            if peer is None:
                raise ValueError("everybody on every port is no restriction: the group is FREE")
            return cls.IDENTITY
        single = ports.first == ports.last
        if peer is None:
            return cls.ANY_PORT if single else cls.ANY_RANGE
        return cls.IDENTITY_PORT if single else cls.IDENTITY_RANGE


@dataclass(frozen=True, slots=True, eq=False)
class VerdictGroup:
    """What all pods selected by the same policies, in one direction, let pass; the rest is dropped.

    Two are equal when they let the same pass, whichever rules asked for it.

    name: unique, the same after a restart; says which policies (a hash) and which forms.
    forms: every form that the policies can ask for, whether or not somebody matches now.
    allows: each allowance with the rule that asked for it.
    isolated_by: the policies whose selection isolates these pods.
    """

    name: str
    direction: Direction
    forms: frozenset[Form]
    allows: Mapping[Allowance, Origin]
    isolated_by: tuple[Origin, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VerdictGroup):
            return NotImplemented
        same_kind = (self.name, self.direction, self.forms) == (other.name, other.direction, other.forms)
        return same_kind and self.allows.keys() == other.allows.keys()

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class PodVerdict:
    """One address of a pod of this node and its groups; FREE where nothing isolates it."""

    ingress: str
    egress: str
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """What an address is to policies; pods that no policy can tell apart share a number (from 1)."""

    number: int
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True)
class VerdictTable:
    """All that one node's kernel must know to judge every packet.

    identities: addresses of every pod of the cluster. pods: addresses of this node's pods.
    local: this node's pod ranges; an address there without an entry in ``pods`` gets nothing.
    """

    identities: Mapping[IPAddress, Identity]
    pods: Mapping[IPAddress, PodVerdict]
    groups: Mapping[str, VerdictGroup]
    local: tuple[IPNetwork, ...]


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Allowances that come and go in a group that stays."""

    group: VerdictGroup
    added: Mapping[Allowance, Origin]
    removed: Mapping[Allowance, Origin]


@dataclass(frozen=True, slots=True)
class VerdictDelta:
    """The least change from one VerdictTable to another; None means gone."""

    identities: Mapping[IPAddress, Identity | None]
    pods: Mapping[IPAddress, PodVerdict | None]
    new_groups: tuple[VerdictGroup, ...]
    changed_groups: tuple[GroupChange, ...]
    gone_groups: tuple[VerdictGroup, ...]

    def __bool__(self) -> bool:
        return bool(
            self.identities or self.pods or self.new_groups or self.changed_groups or self.gone_groups
        )
