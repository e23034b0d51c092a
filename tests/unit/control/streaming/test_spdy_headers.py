"""SPDY's header blocks: the dictionary is the draft's, blocks come back, and what is broken is refused."""

import struct
import zlib

import pytest

from control.streaming.spdy_headers import BLOCK_MOST, DICTIONARY, HeaderPacker, HeaderUnpacker, SpdyError


def test_the_dictionary_is_the_draft_s() -> None:
    assert (len(DICTIONARY), f"{zlib.adler32(DICTIONARY):08x}") == (1423, "e3c6a7c2")


def test_blocks_come_back_in_the_order_in_which_they_were_packed() -> None:
    packer, unpacker = HeaderPacker(), HeaderUnpacker()
    sent = [{"streamtype": "error", "port": "80"}, {"streamtype": "data", "port": "80"}, {}]
    blocks = [packer.pack(headers) for headers in sent]

    assert [unpacker.unpack(block) for block in blocks] == sent
    assert len(blocks[1]) < len(blocks[0]), "the second is packed with what the first taught"


def test_names_are_lower_case_and_of_several_values_the_first_counts() -> None:
    assert HeaderUnpacker().unpack(HeaderPacker().pack({"StreamType": "data\0error"})) == {
        "streamtype": "data"
    }


def squeezed(plain: bytes) -> bytes:
    packer = zlib.compressobj(zdict=DICTIONARY)
    return packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(b"\0\0", id="half a number"),
        pytest.param(struct.pack(">I", 1 << 31), id="more pairs than there are"),
        pytest.param(struct.pack(">II", 1, 1 << 30), id="a name longer than the block"),
        pytest.param(struct.pack(">III", 1, 0, 0), id="an empty name"),
        pytest.param(struct.pack(">I", 2) + (struct.pack(">I1sI", 1, b"a", 0)) * 2, id="a name twice"),
        pytest.param(b"\0" * (BLOCK_MOST + 1), id="a block that unpacks to too much"),
    ],
)
def test_broken_blocks_are_refused(plain: bytes) -> None:
    with pytest.raises(SpdyError):
        HeaderUnpacker().unpack(squeezed(plain))


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    with pytest.raises(SpdyError, match="more than 65536 bytes"):
        HeaderUnpacker().unpack(squeezed(b"\0" * 50_000_000))


def test_what_is_no_zlib_is_refused() -> None:
    with pytest.raises(SpdyError):
        HeaderUnpacker().unpack(b"\x78\x9c nonsense")
