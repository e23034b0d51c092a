"""What a rule does: matches, verdicts, look-ups. Each lowers itself and prints itself as nft."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from dataplane.nft import instruction
from dataplane.nft.datatype import Value
from dataplane.nft.expression import Lowering, Meta, Selector, joined
from dataplane.nft.instruction import Op, VerdictCode


class Statement(Protocol):
    """One statement of a rule."""

    def lower(self, low: Lowering) -> None:
        """Emit its instructions."""
        ...

    @property
    def text(self) -> str:
        """As `nft list` prints it; counters with zeros."""
        ...


@dataclass(frozen=True, slots=True)
class Between:
    """A range as a value, both ends included."""

    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class Match:
    """``ip saddr 10.0.0.1``, ``tcp dport != 80``, ``ip daddr 10.0.0.0/8``, ``ct state invalid`` …

    value: an address, number, name, IPv4Network or IPv6Network, or Between. Of a type that is a bit mask
    (ct state, ct status) a match means: any of these bits is set; names may be joined by commas.
    """

    selector: Selector
    value: Value
    negate: bool = False

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        kind, op = self.selector.type, Op.NEQ if self.negate else Op.EQ
        low.load((self.selector,))
        if isinstance(self.value, Between):
            ends = kind.pack(self.value.low), kind.pack(self.value.high)
            low.emit(instruction.within(0, *ends, negate=self.negate))
        elif isinstance(self.value, IPv4Network | IPv6Network) and self._partial(self.value):
            size = len(self.value.netmask.packed)
            low.emit(instruction.bitwise(0, self.value.netmask.packed, bytes(size)))
            low.emit(instruction.compare(0, op, self.value.network_address.packed))
        elif kind.bits:
            low.emit(instruction.bitwise(0, self._bits(), bytes(kind.size)))
            low.emit(instruction.compare(0, Op.EQ if self.negate else Op.NEQ, bytes(kind.size)))
        else:
            low.emit(instruction.compare(0, op, self._packed()))

    @staticmethod
    def _partial(network: IPv4Network | IPv6Network) -> bool:
        return network.prefixlen < network.max_prefixlen

    def _bits(self) -> bytes:
        kind, value = self.selector.type, self.value
        if isinstance(value, str):
            value = sum(kind.number_of(name) for name in value.split(","))
        return kind.pack(value)

    def _packed(self) -> bytes:
        value = self.value
        if isinstance(value, IPv4Network | IPv6Network):
            value = value.network_address
        return self.selector.type.pack(value)

    @property
    def text(self) -> str:
        """See Statement."""
        kind = self.selector.type
        if isinstance(self.value, Between):
            shown = "-".join(kind.text(kind.pack(end)) for end in (self.value.low, self.value.high))
        elif isinstance(self.value, IPv4Network | IPv6Network) and self._partial(self.value):
            shown = str(self.value)
        elif kind.bits:
            return f"{self.selector.text} {'! ' if self.negate else ''}{kind.text(self._bits())}"
        else:
            shown = kind.text(self._packed())
        return f"{self.selector.text} {'!= ' if self.negate else ''}{shown}"


@dataclass(frozen=True, slots=True)
class InSet:
    """``ip saddr . tcp dport @allowed``: go on when the key is in a named set (or not)."""

    selectors: tuple[Selector, ...]
    set: str
    negate: bool = False

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.load(self.selectors)
        low.emit(instruction.lookup(0, self.set, negate=self.negate))

    @property
    def text(self) -> str:
        """See Statement."""
        return f"{joined(self.selectors)} {'!= ' if self.negate else ''}@{self.set}"


@dataclass(frozen=True, slots=True)
class Vmap:
    """``ip daddr vmap @services``: the verdict that a named map holds for the key; none when it has none."""

    selectors: tuple[Selector, ...]
    map: str

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.load(self.selectors)
        low.emit(instruction.lookup(0, self.map, into=-1))

    @property
    def text(self) -> str:
        """See Statement."""
        return f"{joined(self.selectors)} vmap @{self.map}"


@dataclass(frozen=True, slots=True)
class SetMeta:
    """``meta priority set 1:1``: write a constant into the packet's metadata."""

    selector: Meta
    value: Value

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(instruction.immediate(0, self.selector.type.pack(self.value)))
        low.emit(instruction.meta_set(0, self.selector.key))

    @property
    def text(self) -> str:
        """See Statement."""
        kind = self.selector.type
        return f"{self.selector.text} set {kind.text(kind.pack(self.value))}"


@dataclass(frozen=True, slots=True)
class SetMetaFromMap:
    """``meta priority set ip saddr map @identities``: write what a map holds, or end the rule."""

    selector: Meta
    keys: tuple[Selector, ...]
    map: str

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.load(self.keys)
        low.emit(instruction.lookup(0, self.map, into=0))
        low.emit(instruction.meta_set(0, self.selector.key))

    @property
    def text(self) -> str:
        """See Statement."""
        return f"{self.selector.text} set {joined(self.keys)} map @{self.map}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``accept``, ``drop``, ``return``, ``jump CHAIN``, ``goto CHAIN``; also the data of a verdict map."""

    code: VerdictCode
    chain: str = ""

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(instruction.immediate_verdict(self.code, self.chain))

    @property
    def text(self) -> str:
        """See Statement."""
        return f"{self.code.name.lower()} {self.chain}".strip()


ACCEPT = Verdict(VerdictCode.ACCEPT)
DROP = Verdict(VerdictCode.DROP)
RETURN = Verdict(VerdictCode.RETURN)
CONTINUE = Verdict(VerdictCode.CONTINUE)


def jump(chain: str) -> Verdict:
    """Go to a chain and come back."""
    return Verdict(VerdictCode.JUMP, chain)


def goto(chain: str) -> Verdict:
    """Go to a chain for good."""
    return Verdict(VerdictCode.GOTO, chain)
