"""A stand-in's answer to a datagram: who it is, then what it got."""

import asyncio
from typing import Any, cast

from control.workload.standin.plan import StandInPlan


class Answerer(asyncio.DatagramProtocol):
    """Answers every datagram once."""

    def __init__(self, plan: StandInPlan) -> None:
        self._identity = plan.sentence.encode() + b"\n"
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """One datagram came."""
        if self._transport is not None:
            self._transport.sendto(self._identity + data, addr)
