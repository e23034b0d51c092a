"""Keys and elements of sets and maps: concatenations padded to four bytes a field, ranges, data, comments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from dataplane.nft import instruction
from dataplane.nft.datatype import DataType, Value
from dataplane.nft.expression import Selector, userdata, userdata_u32
from dataplane.nft.statement import Verdict
from dataplane.nft.wire import attribute, nested, u32

_TYPE_BITS = 6
_CONCATENATION = 13  # nft's number of the expression, in a typeof
_COMMENT = 0  # NFTNL_UDATA_SET_ELEM_COMMENT
_INTERVAL_END = 1  # NFT_SET_ELEM_INTERVAL_END
COMMENT_BYTES = 128
"""nft reads an element's comment up to here; the kernel takes more."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a set is keyed by, or what a map holds: one field, or several in concatenation.

    types: the fields' data types. selectors: where they come from, listed as ``typeof``; empty for ``type``.
    """

    types: tuple[DataType, ...]
    selectors: tuple[Selector, ...] = field(default=(), compare=False)

    @classmethod
    def typeof(cls, *selectors: Selector) -> "Key":
        """Keyed by what these selectors load."""
        return cls(tuple(selector.type for selector in selectors), selectors)

    @classmethod
    def of(cls, *types: DataType) -> "Key":
        """Keyed by values of these types."""
        return cls(types)

    @property
    def concatenated(self) -> bool:
        """More than one field."""
        return len(self.types) > 1

    @property
    def widths(self) -> tuple[int, ...]:
        """Bytes of each field, padded in a concatenation."""
        if not self.concatenated:
            return (self.types[0].size,)
        return tuple((kind.size + 3) & ~3 for kind in self.types)

    @property
    def size(self) -> int:
        """Bytes of the whole key."""
        return sum(self.widths)

    @property
    def number(self) -> int:
        """nft's number of the type: six bits a field."""
        number = 0
        for kind in self.types:
            number = number << _TYPE_BITS | kind.number
        return number

    @property
    def text(self) -> str:
        """As in ``typeof …`` or ``type …``."""
        if self.selectors:
            return "typeof " + " . ".join(selector.text for selector in self.selectors)
        return "type " + " . ".join(kind.name for kind in self.types)

    def pack(self, values: Sequence[Value]) -> bytes:
        """One value a field → the key's bytes."""
        if len(values) != len(self.types):
            raise ValueError(f"{len(values)} values for a key of {len(self.types)} fields: {self.text}")
        if not self.concatenated:
            return self.types[0].pack(values[0])
        packed = [kind.pack(value) for kind, value in zip(self.types, values, strict=True)]
        return b"".join([part + b"\0" * (-len(part) & 3) for part in packed])

    def fields(self, packed: bytes) -> list[bytes]:
        """The key's bytes, field by field."""
        parts, at = [], 0
        for width, kind in zip(self.widths, self.types, strict=True):
            parts.append(packed[at : at + kind.size])
            at += width
        return parts

    def show(self, packed: bytes) -> str:
        """One key as `nft list` prints it."""
        return " . ".join(kind.text(part) for kind, part in zip(self.types, self.fields(packed), strict=True))

    @property
    def order(self) -> int:
        """nft's note of the byte order: 1 the host's, 2 the network's, 0 for concatenations."""
        return 0 if self.concatenated else 2 if self.types[0].network else 1

    def typeof_userdata(self) -> bytes:
        """The description that makes nft list ``typeof``; empty without selectors."""
        if not self.selectors:
            return b""
        if not self.concatenated:
            return self.selectors[0].typeof()
        parts = [userdata(index, selector.typeof()) for index, selector in enumerate(self.selectors)]
        return userdata_u32(0, _CONCATENATION) + userdata(1, b"".join(parts))


@dataclass(frozen=True, slots=True)
class Element:
    """One element. Two with the same key, end and data are equal whatever their comments say.

    key, end: packed; ``end`` is the last value of a range, included; empty for a single value.
    data: of a map: packed value or Verdict. comment: at most 128 bytes, kept as the element's userdata.
    """

    key: bytes
    data: bytes | Verdict = b""
    end: bytes = b""
    comment: str = field(default="", compare=False)

    def packed(self) -> bytes:
        """As a list element of a SETELEM message, for sets other than simple intervals."""
        parts = [_value(1, self.key)]
        if isinstance(self.data, Verdict):
            parts.append(_verdict(self.data.code, self.data.chain))
        elif self.data:
            parts.append(_value(2, self.data))
        if self.comment:
            parts.append(_comment(self.comment))
        if self.end:
            parts.append(_value(10, self.end))
        return nested(1, *parts)

    def naming(self) -> "Element":
        """Only what a delete needs to find it: its key."""
        return Element(self.key, end=self.end)


# Elements come by the ten thousand, alike but for their values: what repeats is framed once.


@lru_cache(maxsize=256)
def _frame(kind: int, size: int) -> tuple[bytes, bytes]:
    """What stands before and behind a value of this size."""
    framed = nested(kind, attribute(1, bytes(size)))
    return framed[:8], framed[8 + size :]


def _value(kind: int, value: bytes) -> bytes:
    before, behind = _frame(kind, len(value))
    return before + value + behind


@lru_cache(maxsize=1024)
def _verdict(code: int, chain: str) -> bytes:
    return instruction.verdict_data(2, code, chain)


@lru_cache(maxsize=1024)
def _comment(comment: str) -> bytes:
    return attribute(6, comment_userdata(comment))


def comment_userdata(comment: str) -> bytes:
    """A comment in nft's form: type 0, NUL-terminated, cut to what nft reads."""
    cut = comment.encode()[: COMMENT_BYTES - 1].decode(errors="ignore").encode()
    return userdata(_COMMENT, cut + b"\0")


def comment_of(data: bytes) -> str:
    """The comment in userdata, or ""."""
    at = 0
    while at + 2 <= len(data):
        kind, length = data[at], data[at + 1]
        if kind == _COMMENT:
            return data[at + 2 : at + 2 + length].rstrip(b"\0").decode(errors="replace")
        at += 2 + length
    return ""


def interval_parts(elements: Iterable[Element]) -> list[bytes]:
    """A simple interval set as the kernel's tree wants it: each range a start and an open end after it.

    An end that would wrap round the address space is left out, as nft does.
    """
    parts = []
    for element in elements:
        size = len(element.key)
        after = int.from_bytes(element.end or element.key, "big") + 1
        parts.append(Element(element.key, element.data, comment=element.comment).packed())
        if after < 1 << (8 * size):
            parts.append(
                nested(1, u32(3, _INTERVAL_END), nested(1, attribute(1, after.to_bytes(size, "big"))))
            )
    return parts
