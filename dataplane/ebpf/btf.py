"""What the running kernel says of its own structures: offsets of members and names of enumerations, from its BTF.

Headers of another kernel compile and then read wrong offsets without a word, so none are used. Only the standard
library: the helper's interpreter is not ours. Source: Documentation/bpf/btf.rst (kernel).
"""

import struct
from pathlib import Path

VMLINUX = Path("/sys/kernel/btf/vmlinux")
_MAGIC = 0xEB9F
_ARRAY, _STRUCT, _UNION, _ENUM, _FUNCTION_PROTO, _VARIABLE, _SECTION, _TAG, _ENUM64 = (
    3,
    4,
    5,
    6,
    13,
    14,
    15,
    17,
    19,
)
_INT = 1
_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")


class BtfInvalid(ValueError):
    """The bytes are no BTF, or lack something that was asked for."""


class Btf:
    """One BTF blob, read once: where each named structure and enumeration stands.

    >>> Btf.of_kernel().offset("sk_buff", "head")  # doctest: +SKIP
    192
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size or _HEADER.unpack_from(data)[0] != _MAGIC:
            raise BtfInvalid("no BTF: its first bytes are not eB9F")
        _magic, _version, _flags, header, types_at, types_size, names_at, _size = _HEADER.unpack_from(data)
        self._data = data
        self._names = header + names_at
        self._at: list[int] = [0]
        self._numbers: dict[tuple[int, int], int] = {}
        offset, end = header + types_at, header + types_at + types_size
        unpack, at = _TYPE.unpack_from, self._at
        while offset < end:
            name, info, _type = unpack(data, offset)
            kind, count = info >> 24 & 0x1F, info & 0xFFFF
            if name and count and kind in (_STRUCT, _ENUM):
                self._numbers.setdefault((kind, name), len(at))
            at.append(offset)
            offset += _TYPE.size + _extra(kind, count)

    @classmethod
    def of_kernel(cls) -> "Btf":
        """The running kernel's. OSError where it has none."""
        return cls(VMLINUX.read_bytes())

    def offset(self, structure: str, *path: str) -> int:
        """Bytes from a structure's start to a member; several names go into members that are structures.

        Members of nameless structures and unions count as the structure's own. Raises BtfInvalid.
        """
        number, total = self._structure(structure), 0
        for name in path:
            found = self._member(number, name)
            if found is None:
                raise BtfInvalid(f"struct {structure} of this kernel has no {'.'.join(path)}")
            bits, number = found
            total += bits
        return total // 8

    def enumeration(self, name: str) -> dict[int, str]:
        """Names by value; empty when the kernel has no such enumeration."""
        number = self._number(_ENUM, name)
        if number is None:
            return {}
        offset = self._at[number]
        count = _TYPE.unpack_from(self._data, offset)[1] & 0xFFFF
        found = (
            struct.unpack_from("<Ii", self._data, offset + _TYPE.size + 8 * index) for index in range(count)
        )
        return {value: self._text(named) for named, value in found}

    def _structure(self, name: str) -> int:
        number = self._number(_STRUCT, name)
        if number is None:
            raise BtfInvalid(f"this kernel has no struct {name}")
        return number

    def _number(self, kind: int, name: str) -> int | None:
        """The type of that kind and name."""
        text, at = b"\0" + name.encode() + b"\0", self._names - 1
        while (at := self._data.find(text, at + 1)) >= 0:
            number = self._numbers.get((kind, at + 1 - self._names))
            if number is not None:
                return number
        return None

    def _member(self, number: int, name: str) -> tuple[int, int] | None:
        """Bits from the structure's start, and the type, of a member."""
        offset = self._at[self._plain(number)]
        _name, info, _size = _TYPE.unpack_from(self._data, offset)
        if info >> 24 & 0x1F not in (_STRUCT, _UNION):
            return None
        packed = bool(info >> 31)  # bitfield sizes stand above the offsets
        for index in range(info & 0xFFFF):
            named, kind, bits = _TYPE.unpack_from(self._data, offset + 12 + 12 * index)
            bits &= 0xFFFFFF if packed else 0xFFFFFFFF
            text = self._text(named)
            if text == name:
                return bits, kind
            if not text and (deeper := self._member(kind, name)) is not None:
                return bits + deeper[0], deeper[1]
        return None

    def _plain(self, number: int) -> int:
        """A type without its qualifiers and other names."""
        while True:
            _name, info, other = _TYPE.unpack_from(self._data, self._at[number])
            if info >> 24 & 0x1F not in (8, 9, 10, 11, 18):  # typedef, volatile, const, restrict, type tag
                return number
            number = other

    def _text(self, offset: int) -> str:
        begin = self._names + offset
        return self._data[begin : self._data.index(b"\0", begin)].decode()


def _extra(kind: int, count: int) -> int:
    """Bytes behind a type's header."""
    if kind in (_STRUCT, _UNION, _SECTION, _ENUM64):
        return 12 * count
    if kind in (_ENUM, _FUNCTION_PROTO):
        return 8 * count
    if kind == _ARRAY:
        return 12
    return 4 if kind in (_INT, _VARIABLE, _TAG) else 0
