"""The kernel's nf_tables expressions as bytes: what a rule is made of once registers are chosen.

Each function packs one expression with every attribute that the kernel gives back in a dump, defaults
included, so that compiled and dumped rules compare equal.
"""

import struct
from enum import IntEnum

from dataplane.nft.wire import attribute, nested, text, u32

VERDICT_REGISTER = 0
_TCP_RESET = 1


class Op(IntEnum):
    """Comparisons."""

    EQ = 0
    NEQ = 1
    LT = 2
    LTE = 3
    GT = 4
    GTE = 5


class VerdictCode(IntEnum):
    """What becomes of a packet (linux/netfilter.h, linux/netfilter/nf_tables.h)."""

    DROP = 0
    ACCEPT = 1
    CONTINUE = -1
    JUMP = -3
    GOTO = -4
    RETURN = -5


def register(word: int) -> int:
    """The number of the register that starts at a 4-byte word, as the kernel dumps it.

    Words at 16-byte boundaries have the old numbers 1 to 4, the others NFT_REG32_00 (8) plus the word.
    """
    return 1 + word // 4 if word % 4 == 0 else 8 + word


def expression(name: str, *attributes: bytes) -> bytes:
    """One element of a rule's expression list."""
    body = text(1, name)
    return nested(1, body, nested(2, *attributes)) if attributes else nested(1, body)


def data(kind: int, value: bytes) -> bytes:
    """Constant bytes as nf_tables wants them."""
    return nested(kind, attribute(1, value))


def verdict_data(kind: int, code: int, chain: str = "") -> bytes:
    """A verdict as data of an immediate or of a map's element."""
    inner = (u32(1, code), text(2, chain)) if chain else (u32(1, code),)
    return nested(kind, nested(2, *inner))


def payload(word: int, base: int, offset: int, size: int) -> bytes:
    """Load bytes of the packet. base: 0 link, 1 network, 2 transport."""
    return expression("payload", u32(1, register(word)), u32(2, base), u32(3, offset), u32(4, size))


def meta(word: int, key: int) -> bytes:
    """Load a fact about the packet."""
    return expression("meta", u32(1, register(word)), u32(2, key))


def meta_set(word: int, key: int) -> bytes:
    """Set a field of the packet's metadata from a register."""
    return expression("meta", u32(2, key), u32(3, register(word)))


def conntrack(word: int, key: int, direction: int | None) -> bytes:
    """Load a fact about the packet's connection. direction: 0 original, 1 reply."""
    side = () if direction is None else (attribute(3, bytes([direction])),)
    return expression("ct", u32(1, register(word)), u32(2, key), *side)


def compare(word: int, op: Op, value: bytes) -> bytes:
    """Go on with the rule only when the register compares."""
    return expression("cmp", u32(1, register(word)), u32(2, op), data(3, value))


def within(word: int, low: bytes, high: bytes, *, negate: bool = False) -> bytes:
    """Go on only inside (or outside) a range, both ends included."""
    return expression("range", u32(1, register(word)), u32(2, int(negate)), data(3, low), data(4, high))


def bitwise(word: int, mask: bytes, xor: bytes) -> bytes:
    """register = (register & mask) ^ xor."""
    size, number = len(mask), register(word)
    return expression(
        "bitwise", u32(1, number), u32(2, number), u32(3, size), data(4, mask), data(5, xor), u32(6, 0)
    )


def lookup(word: int, set_name: str, *, into: int | None = None, negate: bool = False) -> bytes:
    """Look a key up in a set or map. into: word that gets a map's data, or VERDICT_REGISTER as -1."""
    parts = [text(1, set_name), u32(2, register(word))]
    if into is not None:
        parts.append(u32(3, VERDICT_REGISTER if into < 0 else register(into)))
    return expression("lookup", *parts, u32(5, int(negate)))


def immediate(word: int, value: bytes) -> bytes:
    """Put a constant into a register."""
    return expression("immediate", u32(1, register(word)), data(2, value))


def immediate_verdict(code: VerdictCode, chain: str = "") -> bytes:
    """End the rule with a verdict."""
    return expression("immediate", u32(1, VERDICT_REGISTER), verdict_data(2, code, chain))


def to_network_order(word: int, size: int) -> bytes:
    """A number of ``size`` bytes in a register, from host order to the network's, in place."""
    number = register(word)
    return expression("byteorder", u32(1, number), u32(2, number), u32(3, 1), u32(4, size), u32(5, size))


def numgen(word: int, modulus: int, kind: int, offset: int) -> bytes:
    """A number in [offset, offset + modulus). kind: 0 one after another, 1 random."""
    return expression("numgen", u32(1, register(word)), u32(2, modulus), u32(3, kind), u32(4, offset))


def jhash(source: int, word: int, size: int, modulus: int, seed: int) -> bytes:
    """Jenkins hash of ``size`` bytes from a register, modulo. seed: so that two nodes agree."""
    return expression(
        "hash", u32(1, register(source)), u32(2, register(word)), u32(3, size), u32(4, modulus), u32(5, seed),
        u32(7, 0),
    )  # fmt: skip


def fib(word: int, result: int, flags: int) -> bytes:
    """Look an address up in the routing tables. result: 3 address type. flags: 1 source, 2 destination, …"""
    return expression("fib", u32(1, register(word)), u32(2, result), u32(3, flags))


def counter() -> bytes:
    """Count packets and bytes."""
    return expression("counter", attribute(1, struct.pack(">Q", 0)), attribute(2, struct.pack(">Q", 0)))


def reject(kind: int, code: int) -> bytes:
    """Refuse the packet. kind: 0 ICMP, 1 TCP reset, 2 the family's own ICMP."""
    if kind == _TCP_RESET:
        return expression("reject", u32(1, kind))
    return expression("reject", u32(1, kind), attribute(2, bytes([code])))


def nat(kind: int, family: int, address: int | None, port: int | None, flags: int) -> bytes:
    """Translate. kind: 0 source, 1 destination. address, port: words, or None. family: 2 or 10.

    flags: NF_NAT_RANGE_… beside those that follow from address (1) and port (2).
    """
    parts = [u32(1, kind), u32(2, family)]
    if address is not None:
        parts += [u32(3, register(address)), u32(4, register(address))]
        flags |= 1
    if port is not None:
        parts += [u32(5, register(port)), u32(6, register(port))]
        flags |= 2
    return expression("nat", *parts, u32(7, flags))


def masquerade(flags: int) -> bytes:
    """Translate the source to an address of the outgoing link."""
    return expression("masq", u32(1, flags)) if flags else expression("masq")


def log(prefix: str, group: int | None, level: int) -> bytes:
    """Tell the kernel's log, or a group of nflog listeners."""
    where = u32(5, level) if group is None else attribute(1, struct.pack(">H", group))
    return expression("log", text(2, prefix), where)


def limit(rate: int, unit_s: int, burst: int) -> bytes:
    """Go on only below a rate of packets."""
    return expression(
        "limit", attribute(1, struct.pack(">Q", rate)), attribute(2, struct.pack(">Q", unit_s)),
        u32(3, burst), u32(4, 0), u32(5, 0),
    )  # fmt: skip
