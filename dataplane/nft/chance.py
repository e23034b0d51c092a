"""Go on by chance: how packets are lost without netem."""

from dataclasses import dataclass

from dataplane.nft import instruction
from dataplane.nft.expression import Lowering
from dataplane.nft.instruction import Op

_OF = 10_000


@dataclass(frozen=True, slots=True)
class Chance:
    """``numgen random mod 10000 < 250``: go on for this percentage of packets, two decimals."""

    percent: float

    @property
    def _below(self) -> int:
        return round(self.percent * _OF / 100)

    def lower(self, low: Lowering) -> None:
        """See Statement. The number is in host order, and comparisons are of bytes: it is turned first."""
        low.emit(instruction.numgen(0, _OF, 1, 0))
        low.emit(instruction.to_network_order(0, 4))
        low.emit(instruction.compare(0, Op.LT, self._below.to_bytes(4, "big")))

    @property
    def text(self) -> str:
        """See Statement."""
        return f"numgen random mod {_OF} < {self._below}"
