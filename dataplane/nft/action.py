"""Statements that act on a packet beside its verdict: count, refuse, log, limit, translate."""

from dataclasses import dataclass
from enum import Enum

from dataplane.model.address import Family, HostPort, IPAddress
from dataplane.nft import instruction
from dataplane.nft.expression import Lowering, Selector, joined

_UNIT_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LOG_LEVEL_WARN = 4
_RANDOM_FULLY = 16  # NF_NAT_RANGE_PROTO_RANDOM_FULLY


@dataclass(frozen=True, slots=True)
class Counter:
    """``counter``: packets and bytes that came so far. Its present values are no part of the rule."""

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(instruction.counter())

    @property
    def text(self) -> str:
        """See Statement."""
        return "counter packets 0 bytes 0"


class Refusal(Enum):
    """How a sender is told: (reject type, code, nft's text)."""

    TCP_RESET = (1, 0, "reject with tcp reset")
    PORT_UNREACHABLE = (2, 1, "reject")
    NO_ROUTE = (2, 0, "reject with icmpx no-route")
    HOST_UNREACHABLE = (2, 2, "reject with icmpx host-unreachable")
    ADMIN_PROHIBITED = (2, 3, "reject with icmpx admin-prohibited")


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the packet and tell its sender. TCP_RESET stands behind a match on ``meta l4proto tcp``.

    The ICMP kinds take the packet's own family (icmpx), so one rule serves both; inet and bridge tables only.
    """

    refusal: Refusal = Refusal.PORT_UNREACHABLE

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        kind, code, _text = self.refusal.value
        low.emit(instruction.reject(kind, code))

    @property
    def text(self) -> str:
        """See Statement."""
        return self.refusal.value[2]


@dataclass(frozen=True, slots=True)
class Log:
    """``log prefix "…" group N``: to a group of nflog listeners, or to the kernel's log without a group."""

    prefix: str
    group: int | None = None

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(instruction.log(self.prefix, self.group, _LOG_LEVEL_WARN))

    @property
    def text(self) -> str:
        """See Statement."""
        where = "" if self.group is None else f" group {self.group}"
        return f'log prefix "{self.prefix}"{where}'


@dataclass(frozen=True, slots=True)
class Limit:
    """``limit rate 10/second burst 5 packets``: go on only below the rate."""

    rate: int
    unit: str = "second"
    burst: int = 5

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(instruction.limit(self.rate, _UNIT_S[self.unit], self.burst))

    @property
    def text(self) -> str:
        """See Statement."""
        return f"limit rate {self.rate}/{self.unit} burst {self.burst} packets"


@dataclass(frozen=True, slots=True)
class Notrack:
    """``notrack``: no connection tracking for the packet; in chains at priority raw (-300)."""

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(instruction.expression("notrack"))

    @property
    def text(self) -> str:
        """See Statement."""
        return "notrack"


@dataclass(frozen=True, slots=True)
class Masquerade:
    """``masquerade``: the source becomes an address of the outgoing link. random: fully random ports."""

    random: bool = False

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(instruction.masquerade(_RANDOM_FULLY if self.random else 0))

    @property
    def text(self) -> str:
        """See Statement."""
        return "masquerade fully-random" if self.random else "masquerade"


class NatKind(Enum):
    """Which end is translated: (number, nft's word)."""

    SOURCE = (0, "snat")
    DESTINATION = (1, "dnat")


def _number(family: Family) -> int:
    """The kernel's number of the family. In inet tables the expression itself skips the other one."""
    return 2 if family is Family.V4 else 10


def _word(family: Family) -> str:
    return "ip" if family is Family.V4 else "ip6"


@dataclass(frozen=True, slots=True)
class NatTo:
    """``dnat ip to 10.0.0.1:80`` or ``snat ip to 10.0.0.1``: a constant, in an inet table."""

    kind: NatKind
    to: HostPort | IPAddress

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        address, port = (self.to.address, self.to.port) if isinstance(self.to, HostPort) else (self.to, None)
        family = Family.of(address)
        number = _number(family)
        low.emit(instruction.immediate(0, address.packed))
        port_word = None
        if port is not None:
            port_word = 1 if family is Family.V4 else 4
            low.emit(instruction.immediate(port_word, port.to_bytes(2, "big")))
        low.emit(instruction.nat(self.kind.value[0], number, 0, port_word, 0))

    @property
    def text(self) -> str:
        """See Statement."""
        address = self.to.address if isinstance(self.to, HostPort) else self.to
        return f"{self.kind.value[1]} {_word(Family.of(address))} to {self.to}"


@dataclass(frozen=True, slots=True)
class NatToMap:
    """``dnat ip to ip daddr . th dport map @endpoints``: to the address, or address . port, that a map holds.

    family: of the address in the map's data. with_port: the data is a concatenation address . port.
    """

    kind: NatKind
    family: Family
    keys: tuple[Selector, ...]
    map: str
    with_port: bool = True

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        number = _number(self.family)
        low.load(self.keys)
        low.emit(instruction.lookup(0, self.map, into=0))
        port_word = (1 if self.family is Family.V4 else 4) if self.with_port else None
        low.emit(instruction.nat(self.kind.value[0], number, 0, port_word, 0))

    @property
    def text(self) -> str:
        """See Statement."""
        return f"{self.kind.value[1]} {_word(self.family)} to {joined(self.keys)} map @{self.map}"
