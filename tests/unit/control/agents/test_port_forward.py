"""How the streams of a port-forward connection find each other."""

from collections.abc import Coroutine
from typing import Any, ClassVar

import pytest

from control.agents.port_forward import ForwardTarget, NotForwarded, Pairs
from control.streaming.spdy import SpdySession, SpdyStream


class Wire:
    async def read(self) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        return


class Pod(ForwardTarget):
    """Notes what is forwarded; refuses port 81."""

    asked: ClassVar[list[tuple[int, int]]] = []

    async def forward(self, port: int, client: Any) -> None:
        Pod.asked.append((port, client.id))
        if port == 81:
            raise NotForwarded("connection refused")


@pytest.fixture
def pairs() -> tuple[Pairs, list[Coroutine[Any, Any, None]]]:
    Pod.asked = []
    begun: list[Coroutine[Any, Any, None]] = []
    return Pairs(Pod("netns", "uid"), begun.append), begun


def stream(number: int, **headers: str) -> SpdyStream:
    return SpdyStream(SpdySession(Wire()), number, headers)


async def test_data_and_error_of_one_request_are_a_connection(pairs: Any) -> None:
    taken, begun = pairs
    assert taken.take(stream(1, streamtype="error", port="80", requestid="0"))
    assert taken.take(stream(3, streamtype="error", port="8080", requestid="1"))
    assert taken.take(stream(5, streamtype="data", port="8080", requestid="1"))
    assert taken.take(stream(7, streamtype="data", port="80", requestid="0"))
    for one in begun:
        await one
    assert Pod.asked == [(8080, 5), (80, 7)]


async def test_clients_that_number_no_requests_open_error_and_then_data(pairs: Any) -> None:
    taken, begun = pairs
    for number, kind in ((1, "error"), (5, "error"), (3, "data"), (7, "data")):
        assert taken.take(stream(number, streamtype=kind, port="80"))
    for one in begun:
        await one
    assert Pod.asked == [(80, 3), (80, 7)]


@pytest.mark.parametrize(
    "headers",
    [
        {"port": "80"},
        {"streamtype": "stdin", "port": "80"},
        {"streamtype": "data"},
        {"streamtype": "data", "port": "x"},
        {"streamtype": "data", "port": "0"},
        {"streamtype": "data", "port": "65536"},
        {"streamtype": "data", "port": "9" * 1000},
        {"streamtype": "data", "port": "²"},
    ],
)
async def test_a_stream_that_makes_no_sense_is_not_taken(pairs: Any, headers: dict[str, str]) -> None:
    taken, begun = pairs
    assert not taken.take(stream(1, **headers))
    assert begun == []


async def test_a_second_stream_of_the_same_kind_is_not_taken_and_the_first_stays(pairs: Any) -> None:
    taken, begun = pairs
    assert taken.take(stream(1, streamtype="data", port="80", requestid="0"))
    assert not taken.take(stream(3, streamtype="data", port="80", requestid="0"))
    assert taken.take(stream(5, streamtype="error", port="80", requestid="0"))
    await begun[0]
    assert Pod.asked == [(80, 1)]
