"""A small BTF made by hand, read back."""

import struct

import pytest

from dataplane.ebpf.btf import Btf, BtfInvalid

_STRUCT, _UNION, _ENUM, _INT, _CONST = 4, 5, 6, 1, 10


class _Made:
    """Types and strings as they are added."""

    def __init__(self) -> None:
        self.names, self.types, self.count = b"\0", b"", 0

    def name(self, text: str) -> int:
        at = len(self.names)
        self.names += text.encode() + b"\0"
        return at

    def add(self, kind: int, name: str, size: int, extra: bytes = b"", count: int = 0) -> int:
        number = self.name(name) if name else 0
        self.types += struct.pack("<III", number, kind << 24 | count, size) + extra
        self.count += 1
        return self.count

    def members(self, *each: tuple[str, int, int]) -> bytes:
        return b"".join(struct.pack("<III", self.name(n) if n else 0, kind, bits) for n, kind, bits in each)

    @property
    def bytes(self) -> bytes:
        header = struct.pack(
            "<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(self.names)
        )
        return header + self.types + self.names


@pytest.fixture
def made() -> Btf:
    made = _Made()
    number = made.add(_INT, "int", 4, bytes(4))
    inner = made.add(_STRUCT, "inner", 8, made.members(("first", number, 0), ("second", number, 32)), 2)
    plain = made.add(_CONST, "", inner)
    union = made.add(_UNION, "", 8, made.members(("one", number, 0), ("other", plain, 0)), 2)
    outer = made.members(("before", number, 0), ("", union, 64), ("last", number, 128))
    made.add(_STRUCT, "outer", 20, outer, 3)
    values = struct.pack("<IiIi", made.name("GONE"), 0, made.name("LOST"), 7)
    made.add(_ENUM, "reason", 4, values, 2)
    return Btf(made.bytes)


def test_members_stand_where_the_kernel_says(made):
    assert made.offset("outer", "before") == 0
    assert made.offset("outer", "last") == 16


def test_members_of_nameless_unions_and_of_members_are_found_through_qualifiers(made):
    assert made.offset("outer", "one") == 8
    assert made.offset("outer", "other", "second") == 12


def test_names_of_an_enumeration(made):
    assert made.enumeration("reason") == {0: "GONE", 7: "LOST"}
    assert made.enumeration("nothing") == {}


def test_what_is_not_there_is_named(made):
    with pytest.raises(BtfInvalid, match="no struct nothing"):
        made.offset("nothing", "x")
    with pytest.raises(BtfInvalid, match=r"struct outer of this kernel has no other\.third"):
        made.offset("outer", "other", "third")
    with pytest.raises(BtfInvalid, match="no BTF"):
        Btf(b"\0" * 24)
