"""A SPDY connection between its two ends: streams, their ends, slow readers, and peers that break the rules."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from control.streaming.spdy import QUEUE_MOST, STREAMS_MOST, SpdySession, SpdyStream
from control.streaming.spdy_frames import (
    Data,
    Frame,
    FrameReader,
    FrameWriter,
    GoAway,
    Ping,
    RstStream,
    SynReply,
    SynStream,
    WindowUpdate,
)


class Pipe:
    """One end of two queues of bytes."""

    def __init__(self, came: "asyncio.Queue[bytes]", goes: "asyncio.Queue[bytes]") -> None:
        self.came, self.goes = came, goes

    async def read(self) -> bytes:
        return await self.came.get()

    async def write(self, data: bytes) -> None:
        await self.goes.put(data)


def pipe() -> tuple[Pipe, Pipe]:
    one: asyncio.Queue[bytes] = asyncio.Queue()
    other: asyncio.Queue[bytes] = asyncio.Queue()
    return Pipe(one, other), Pipe(other, one)


@asynccontextmanager
async def connected(
    *, take: bool = True
) -> AsyncIterator[tuple[SpdySession, SpdySession, "asyncio.Queue[SpdyStream]"]]:
    """(client, server, the streams that the server took)."""
    taken: asyncio.Queue[SpdyStream] = asyncio.Queue()

    def on_stream(stream: SpdyStream) -> bool:
        taken.put_nowait(stream)
        return take

    ours, theirs = pipe()
    client, server = SpdySession(ours, client=True), SpdySession(theirs, on_stream)
    running = [asyncio.create_task(client.run()), asyncio.create_task(server.run())]
    try:
        async with asyncio.timeout(10):
            yield client, server, taken
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def whole(stream: SpdyStream) -> bytes:
    found = b""
    while data := await stream.read():
        found += data
    return found


async def test_bytes_go_both_ways_and_each_way_ends_by_itself() -> None:
    async with connected() as (client, _, taken):
        ours = await client.open({"streamType": "data", "port": "80"})
        theirs = await taken.get()
        assert theirs.headers == {"streamtype": "data", "port": "80"}
        await ours.write(b"question")
        await ours.finish()
        assert await whole(theirs) == b"question"
        await theirs.write(b"answer")
        await theirs.finish()
        assert await whole(ours) == b"answer"
        assert not ours.broken


async def test_streams_do_not_mix() -> None:
    async with connected() as (client, _, taken):
        opened = [await client.open({"n": str(number)}) for number in range(20)]
        got = [await taken.get() for _ in opened]
        for number, stream in enumerate(opened):
            await stream.write(f"of {number}".encode())
            await stream.finish()
        assert [await whole(stream) for stream in got] == [f"of {number}".encode() for number in range(20)]


async def test_a_reset_is_an_end_both_ways_and_told_from_an_end() -> None:
    async with connected() as (client, _, taken):
        ours = await client.open({})
        theirs = await taken.get()
        await theirs.reset()
        assert await ours.read() == b""
        assert ours.broken
        with pytest.raises(ConnectionError):
            await ours.write(b"too late")


async def test_a_stream_that_is_not_taken_is_refused() -> None:
    async with connected(take=False) as (client, _, _):
        with pytest.raises(ConnectionRefusedError):
            await client.open({})


async def test_everything_ends_with_the_connection() -> None:
    async with connected() as (client, server, taken):
        ours = await client.open({})
        theirs = await taken.get()
        await server.close()
        assert await ours.read() == b""
        await client.ended.wait()
        assert not theirs.broken, "the other way is still open"


async def test_a_slow_reader_holds_up_its_peer_and_loses_nothing() -> None:
    async with connected() as (client, _, taken):
        ours = await client.open({})
        theirs = await taken.get()
        pieces = 40
        for _ in range(pieces):
            await ours.write(b"x" * 64_000)
        await ours.finish()
        while theirs._size <= QUEUE_MOST:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert theirs._size <= QUEUE_MOST + 2 * (64 << 10), "no more is taken in than the limit and a frame"
        assert len(await whole(theirs)) == pieces * 64_000


class Peer:
    """A hand-made client of a session: frames in, frames out."""

    def __init__(self) -> None:
        self.wire, theirs = pipe()
        self.taken: list[SpdyStream] = []
        self.session = SpdySession(theirs, self._take)
        self.running = asyncio.create_task(self.session.run())
        self._writer, self._reader = FrameWriter(), FrameReader()
        self._frames: list[Frame] = []

    def _take(self, stream: SpdyStream) -> bool:
        self.taken.append(stream)
        return True

    async def say(self, *frames: Frame) -> None:
        for frame in frames:
            await self.wire.write(self._writer.pack(frame))

    async def hear(self) -> Frame:
        while not self._frames:
            self._frames += self._reader.feed(await asyncio.wait_for(self.wire.read(), 5))
        return self._frames.pop(0)


async def test_a_ping_is_echoed() -> None:
    peer = Peer()
    await peer.say(Ping(1))
    assert await peer.hear() == Ping(1)
    await peer.say(GoAway(0))
    await peer.running


async def test_numbers_that_are_not_a_client_s_or_go_back_end_the_connection() -> None:
    for numbers in ((2,), (3, 1), (1, 1), (0,)):
        peer = Peer()
        await peer.say(*(SynStream(number, {}) for number in numbers))
        frames = [await peer.hear() for _ in numbers]
        assert isinstance(frames[-1], GoAway)
        assert frames[-1].status == 1
        await peer.running


async def test_data_for_no_stream_and_after_a_reset_are_left_out() -> None:
    peer = Peer()
    await peer.say(Data(9, b"nobody"), SynStream(1, {}), RstStream(1, 5), Data(1, b"late"), Ping(3))
    assert await peer.hear() == SynReply(1, {})
    assert await peer.hear() == Ping(3)
    assert peer.taken[0].broken
    await peer.say(GoAway(1))
    await peer.running


async def test_who_reads_grants_the_peer_more_to_send() -> None:
    peer = Peer()
    await peer.say(SynStream(1, {}), *(Data(1, b"x" * 20_000) for _ in range(3)))
    assert await peer.hear() == SynReply(1, {})
    got = 0
    while got < 60_000:
        got += len(await peer.taken[0].read())
    granted = await peer.hear()
    assert isinstance(granted, WindowUpdate)
    assert 32 << 10 <= granted.delta <= 60_000
    await peer.say(GoAway(1))
    await peer.running


async def test_more_streams_than_the_limit_are_refused() -> None:
    peer = Peer()
    for number in range(STREAMS_MOST + 1):
        await peer.say(SynStream(2 * number + 1, {}))
        said = await peer.hear()
        assert isinstance(said, SynReply if number < STREAMS_MOST else RstStream)
    await peer.say(GoAway(1))
    await peer.running


async def test_nonsense_ends_the_connection_and_its_streams() -> None:
    peer = Peer()
    await peer.say(SynStream(1, {}))
    await peer.hear()
    await peer.wire.write(b"\x80\x02nonsense")
    assert await peer.hear() == GoAway(1, 1)
    await peer.running
    assert peer.taken[0].broken


class Recording:
    """A wire that gives out what it was made with and then ends; what is sent to it goes nowhere."""

    def __init__(self, sent: bytes, size: int) -> None:
        self._pieces = [sent[at : at + size] for at in range(0, len(sent), size)]

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def write(self, data: bytes) -> None:
        return


async def test_whatever_a_peer_sends_a_session_ends_and_so_do_its_streams() -> None:
    chance = random.Random(7)
    writer = FrameWriter()
    frames: list[Frame] = [
        *(SynStream(number, {"streamtype": "data", "port": "80"}) for number in (1, 3, 5)),
        Data(1, b"hello"),
        Data(3, b"x" * 300, fin=True),
        RstStream(5, 5),
        Ping(1),
        WindowUpdate(1, 100),
        SynStream(7, {}, fin=True),
    ]
    good = b"".join(map(writer.pack, frames))
    most = 0
    for _ in range(3000):
        sent = bytearray(good)
        for _ in range(chance.randint(0, 4)):
            sent[chance.randrange(len(sent))] = chance.randrange(256)
        del sent[chance.randint(0, len(sent)) :]
        taken: list[SpdyStream] = []

        def take(stream: SpdyStream, into: list[SpdyStream] = taken) -> bool:
            into.append(stream)
            return True

        session = SpdySession(Recording(bytes(sent), chance.randint(1, 80)), take)
        async with asyncio.timeout(5):
            await session.run()
        assert all(stream.ended for stream in taken)
        assert session.ended.is_set()
        most = max(most, len(taken))
    assert most == 4, "whole ones are taken"
