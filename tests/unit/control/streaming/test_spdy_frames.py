"""SPDY's frames: bytes as the draft has them, any pieces, and nothing that a peer sends does harm."""

import random

import pytest

from control.streaming.spdy_frames import (
    CONTROL_MOST,
    DATA_MOST,
    Data,
    Frame,
    FrameReader,
    FrameWriter,
    GoAway,
    Headers,
    Ping,
    RstStream,
    Settings,
    SynReply,
    SynStream,
    WindowUpdate,
)
from control.streaming.spdy_headers import SpdyError

EACH: list[Frame] = [
    SynStream(1, {"streamtype": "error"}, priority=3),
    SynStream(3, {"streamtype": "stdin"}, fin=True, unidirectional=True),
    SynReply(1, {}),
    Headers(1, {"more": "of it"}, fin=True),
    Data(1, b"hello"),
    Data(3, b"", fin=True),
    RstStream(3, 5),
    Ping(7),
    WindowUpdate(1, 65536),
    Settings(),
    GoAway(3, 1),
]


def merged(frames: list[Frame]) -> list[Frame]:
    """Pieces of one stream's data that came one after the other as one."""
    found: list[Frame] = []
    for frame in frames:
        last = found[-1] if found else None
        if (
            isinstance(frame, Data)
            and isinstance(last, Data)
            and last.stream == frame.stream
            and not last.fin
        ):
            found[-1] = Data(frame.stream, last.data + frame.data, frame.fin)
        else:
            found.append(frame)
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_frames_come_back_whatever_pieces_they_arrive_in(size: int) -> None:
    writer, reader = FrameWriter(), FrameReader()
    sent = b"".join(map(writer.pack, EACH))
    got = [frame for at in range(0, len(sent), size) for frame in reader.feed(sent[at : at + size])]

    assert merged(got) == EACH


def test_bytes_on_the_wire() -> None:
    writer = FrameWriter()
    assert writer.pack(Data(5, b"abc", fin=True)) == bytes.fromhex("00000005 01000003") + b"abc"
    assert writer.pack(Ping(1)) == bytes.fromhex("80030006 00000004 00000001")
    assert writer.pack(RstStream(5, 3)) == bytes.fromhex("80030003 00000008 00000005 00000003")
    assert writer.pack(GoAway(5)) == bytes.fromhex("80030007 00000008 00000005 00000000")
    assert writer.pack(WindowUpdate(5, 9)) == bytes.fromhex("80030009 00000008 00000005 00000009")
    syn = writer.pack(SynStream(1, {}))
    assert syn[:18] == bytes.fromhex("80030001 0000") + syn[6:8] + bytes.fromhex("00000001 00000000 0000")
    assert syn[20:24] == bytes.fromhex("e3c6a7c2"), "zlib names the dictionary"


def test_long_data_become_frames_of_which_the_last_ends_the_stream() -> None:
    packed = FrameWriter().pack(Data(1, b"x" * (2 * DATA_MOST + 5), fin=True))
    got = [frame for frame in FrameReader().feed(packed) if isinstance(frame, Data)]

    assert [len(frame.data) for frame in got] == [DATA_MOST, DATA_MOST, 5]
    assert [frame.fin for frame in got] == [False, False, True]


def test_a_data_frame_is_given_out_as_it_comes_and_never_held() -> None:
    reader = FrameReader()
    head = bytes.fromhex("00000001 01ffffff")
    assert list(reader.feed(head + b"a" * 10)) == [Data(1, b"a" * 10)]
    for _ in range(100):
        (frame,) = reader.feed(b"b" * 10_000)
        assert isinstance(frame, Data)
        assert (len(frame.data), frame.fin) == (10_000, False)
    assert len(reader._waiting) == 0


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param("80020001 0000000a 00000001000000000000", "version 2", id="SPDY/2"),
        pytest.param(
            f"80030001 00{CONTROL_MOST + 1:06x}", "are the most", id="a control frame that is too long"
        ),
        pytest.param("80030006 00000002 0000", "too short", id="half a ping"),
        pytest.param("80030001 0000000c 00000001000000000000abcd", "header block", id="no zlib"),
    ],
)
def test_what_breaks_the_protocol_is_refused(sent: str, why: str) -> None:
    with pytest.raises(SpdyError, match=why):
        list(FrameReader().feed(bytes.fromhex(sent)))


def test_frames_of_unknown_types_are_left_out() -> None:
    unknown = bytes.fromhex("8003002a 00000003 010203")
    assert list(FrameReader().feed(unknown + FrameWriter().pack(Ping(9)))) == [Ping(9)]


def test_random_and_mutated_bytes_end_in_frames_or_a_refusal_and_little_is_held() -> None:
    chance = random.Random(31)
    good = b"".join(map(FrameWriter().pack, EACH))
    refused = 0
    for number in range(20_000):
        if number % 2:
            sent = bytearray(good)
            for _ in range(chance.randint(1, 6)):
                sent[chance.randrange(len(sent))] = chance.randrange(256)
        else:
            sent = bytearray(chance.randbytes(chance.randint(0, 200)))
            if number % 4 and len(sent) > 4:
                sent[:4] = bytes.fromhex("80030001")
        reader = FrameReader()
        try:
            at = 0
            while at < len(sent):
                size = chance.randint(1, 64)
                for frame in reader.feed(bytes(sent[at : at + size])):
                    assert not isinstance(frame, Data) or len(frame.data) <= size + 64
                at += size
        except SpdyError:
            refused += 1
        assert len(reader._waiting) <= len(sent)
    assert 1000 < refused < 20_000, "some are refused, and some pass"
