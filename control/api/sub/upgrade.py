"""Upgraded connections (WebSocket, SPDY/3.1) carried through the API server, byte by byte, as upstream does it."""

from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from control.streaming import raw

_OURS: Final = frozenset(
    {"host", "authorization", "content-length", "transfer-encoding", "connection", "accept-encoding"}
)
"""Headers that are the API server's own business, or about the client's connection to it."""
_ANSWERED: Final = frozenset({"connection", "content-length", "transfer-encoding", "date", "server"})


def wants_upgrade(request: web.BaseRequest) -> bool:
    """Whether a request asks for another protocol on its connection."""
    tokens = request.headers.get("Connection", "").lower()
    return bool(request.headers.get("Upgrade")) and "upgrade" in tokens


def upgrade_headers(request: web.BaseRequest) -> CIMultiDict[str]:
    """The client's headers for the other side's upgrade."""
    headers = CIMultiDict(
        (name, value) for name, value in request.headers.items() if name.lower() not in _OURS
    )
    headers["Connection"] = "Upgrade"
    return headers


async def carry_on(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """Give the client the other side's 101, then bytes both ways until one of them ends."""
    kept: Mapping[str, str] = {
        name: value for name, value in answer.headers.items() if name.lower() not in _ANSWERED
    }
    inner = raw.dialled(answer)
    try:
        response, outer = await raw.accept(request, kept)
        await raw.join(outer, inner)
    finally:
        inner.close()
    return response
