"""What a rule can look at: fields of the packet, facts about it, its connection, random and hashed numbers.

Each knows its type, packs its own load and prints itself as nft does. ``Lowering`` is the one place where
registers are given out and where the protocol checks come from that nft leaves out of its text.
"""

import struct
import sys
from dataclasses import dataclass, field

from dataplane.nft import instruction
from dataplane.nft.datatype import DataType
from dataplane.nft.instruction import Op

LAYERS_OF_FAMILY = {"ip": {"ip"}, "ip6": {"ip6"}, "bridge": {"ether"}, "inet": set[str](), "arp": {"arp"}}
_NFPROTO = {"ip": 2, "ip6": 10}
_ETHERTYPE = {"ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806}
_L4PROTO = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
_BELOW = {"icmp": "ip", "icmpv6": "ip6"}


def userdata(kind: int, value: bytes) -> bytes:
    """nft's own type-length-value, in the userdata of sets, rules and elements."""
    return bytes([kind, len(value)]) + value


def userdata_u32(kind: int, value: int) -> bytes:
    """A number in it, in host order."""
    return userdata(kind, struct.pack("=I", value & 0xFFFFFFFF))


@dataclass(frozen=True, slots=True)
class Selector:
    """Something that can be loaded into a register and compared.

    text: as nft prints it. type: what is loaded. layer: the protocol that must be there, "" for none.
    """

    text: str
    type: DataType
    layer: str = field(default="", kw_only=True)

    @property
    def words(self) -> int:
        """Four-byte words of registers that it takes."""
        return (self.type.size + 3) // 4

    def load(self, word: int) -> bytes:
        """Packed instructions that load it from this word on."""
        raise NotImplementedError

    def typeof(self) -> bytes:
        """nft's description of it for a set's userdata, so that ``typeof`` is listed."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Payload(Selector):
    """Bytes of a header. base: 0 link, 1 network, 2 transport. desc, index: nft's own numbers for it."""

    base: int
    offset: int
    desc: int
    index: int

    def load(self, word: int) -> bytes:
        """See Selector."""
        return instruction.payload(word, self.base, self.offset, self.type.size)

    def typeof(self) -> bytes:
        """See Selector."""
        return _typeof(7, userdata_u32(0, self.desc) + userdata_u32(1, self.index))


@dataclass(frozen=True, slots=True)
class Meta(Selector):
    """A fact about the packet (enum nft_meta_keys)."""

    key: int

    def load(self, word: int) -> bytes:
        """See Selector."""
        return instruction.meta(word, self.key)

    def typeof(self) -> bytes:
        """See Selector."""
        return _typeof(9, userdata_u32(0, self.key))


@dataclass(frozen=True, slots=True)
class Ct(Selector):
    """A fact about the connection (enum nft_ct_keys). direction: 0 original, 1 reply, None for both."""

    key: int
    direction: int | None = None

    def load(self, word: int) -> bytes:
        """See Selector."""
        return instruction.conntrack(word, self.key, self.direction)

    def typeof(self) -> bytes:
        """See Selector."""
        side = 0xFFFFFFFF if self.direction is None else self.direction
        return _typeof(12, userdata_u32(0, self.key) + userdata_u32(1, side))


@dataclass(frozen=True, slots=True)
class Numgen(Selector):
    """A number below ``modulus``. kind: 1 random, 0 one after another."""

    modulus: int
    kind: int = 1

    def load(self, word: int) -> bytes:
        """See Selector."""
        return instruction.numgen(word, self.modulus, self.kind, 0)

    def typeof(self) -> bytes:
        """See Selector."""
        return _typeof(23, userdata_u32(0, self.kind) + userdata_u32(1, self.modulus) + userdata_u32(2, 0))


@dataclass(frozen=True, slots=True)
class Jhash(Selector):
    """A Jenkins hash of other selectors, below ``modulus``. Not in typeof: nft 1.0.6 dies on it."""

    sources: tuple[Selector, ...]
    modulus: int
    seed: int

    def load(self, word: int) -> bytes:
        """See Selector. The sources pass through the same registers."""
        parts, at = [], word
        for source in self.sources:
            parts.append(source.load(at))
            at += source.words
        size = 4 * (at - word) if len(self.sources) > 1 else self.sources[0].type.size
        return b"".join(parts) + instruction.jhash(word, word, size, self.modulus, self.seed)

    def typeof(self) -> bytes:
        """See Selector."""
        raise NotImplementedError("nft 1.0.6 crashes when it lists a set with typeof jhash")


@dataclass(frozen=True, slots=True)
class Fib(Selector):
    """What the routing tables say. result: 3 address type. flags: 1 source, 2 destination, 8 incoming."""

    result: int
    flags: int

    def load(self, word: int) -> bytes:
        """See Selector."""
        return instruction.fib(word, self.result, self.flags)

    def typeof(self) -> bytes:
        """See Selector."""
        return _typeof(26, userdata_u32(0, self.result) + userdata_u32(1, self.flags))


def _typeof(kind: int, inner: bytes) -> bytes:
    return userdata_u32(0, kind) + userdata(1, inner)


def numgen(modulus: int, *, random: bool = True) -> Numgen:
    """``numgen random mod N`` or ``numgen inc mod N``."""
    from dataplane.nft.datatype import INTEGER

    kind = "random" if random else "inc"
    return Numgen(f"numgen {kind} mod {modulus}", INTEGER, modulus, int(random))


def jhash(*sources: Selector, modulus: int, seed: int) -> Jhash:
    """``jhash A . B mod N seed 0x…``."""
    from dataplane.nft.datatype import INTEGER

    text = f"jhash {joined(sources)} mod {modulus} seed 0x{seed:x}"
    return Jhash(text, INTEGER, sources, modulus, seed)


def joined(selectors: tuple[Selector, ...]) -> str:
    """A concatenation as nft prints it."""
    return " . ".join(selector.text for selector in selectors)


class Lowering:
    """Turns one rule into instructions; gives out registers and adds the protocol checks nft adds.

    family: of the table: inet, ip, ip6, bridge.
    """

    def __init__(self, family: str) -> None:
        self._family = family
        self._have = set(LAYERS_OF_FAMILY[family])
        self._parts: list[bytes] = []

    def emit(self, packed: bytes) -> None:
        """Append instructions."""
        self._parts.append(packed)

    def load(self, selectors: tuple[Selector, ...]) -> int:
        """Load selectors side by side from word 0; returns 0, the first word."""
        for selector in selectors:
            for source in selector.sources if isinstance(selector, Jhash) else (selector,):
                self.require(source.layer)
        word = 0
        for selector in selectors:
            self.emit(selector.load(word))
            word += selector.words
        return 0

    def require(self, layer: str) -> None:
        """Check, once a rule, that the packet has a protocol's header."""
        if not layer or layer in self._have:
            return
        if layer in _BELOW:
            self.require(_BELOW[layer])
        self._have.add(layer)
        if layer in _L4PROTO:
            self._check(16, bytes([_L4PROTO[layer]]))
        elif layer == "ether":
            self._check(8, struct.pack("=H", 1))  # meta iiftype ether
        elif self._family == "bridge" or layer == "arp":
            self._check(1, struct.pack(">H", _ETHERTYPE[layer]))
        else:
            self._check(15, bytes([_NFPROTO[layer]]))

    def _check(self, meta_key: int, value: bytes) -> None:
        self.emit(instruction.meta(0, meta_key))
        self.emit(instruction.compare(0, Op.EQ, value))

    def packed(self) -> bytes:
        """The rule's expression list."""
        return b"".join(self._parts)


HOST_ORDER = sys.byteorder
