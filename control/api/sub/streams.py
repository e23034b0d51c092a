"""pods/exec, attach and portforward: a client's WebSocket joined to the kubelet's, message by message."""

import asyncio
from typing import Final

import aiohttp
from aiohttp import web
from yarl import URL

from control.api.refusals import not_allowed
from control.api.request import ApiRequest, Response
from control.api.sub.kubelet import CONNECT_S, KubeletDoor, unreachable
from control.errors import BadRequest, InternalError
from control.schema.resource import ResourceRow

_FLAGS: Final = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
"""The API's parameter → the kubelet's."""


class StreamSubresource:
    """One of exec, attach, portforward. ``what`` is the kubelet's word for it."""

    def __init__(self, door: KubeletDoor, what: str) -> None:
        self._door = door
        self._what = what

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Response:
        """Join the two ends until one closes. Raises BadRequest, NotFound, InternalError."""
        route = request.route
        if route.verb not in ("get", "create"):
            raise not_allowed()
        if self._what == "portForward":
            where = f"/api/v1/namespaces/{route.namespace}/pods/{route.name}:PORT/proxy/"
            raise BadRequest(f"port-forward is not built yet; for HTTP: kubectl get --raw {where}")
        upgrade = request.http.headers.get("Upgrade", "").lower()
        place = self._door.place(row, route.namespace, route.name, request.query.get("container", ""))
        if not place.host:
            raise BadRequest(f"pod {route.name} does not have a host assigned")
        if upgrade.startswith("spdy"):
            # kubectl comes with SPDY after its WebSocket failed: tell that failure, not what SPDY is.
            async with self._door.get(place.url(self._what, self._query(request)), {}) as answer:
                if answer.status > 400:
                    text = (await answer.content.read(2048)).decode(errors="replace").strip()
                    raise _not_upgraded(answer.status, text)
            raise BadRequest(
                "Upgrade request required: podwire streams over WebSocket only;"
                " SPDY/3.1 is not spoken yet (kubectl 1.31 and later use WebSocket)"
            )
        if upgrade != "websocket":
            raise BadRequest("Upgrade request required")
        return await self._join(request, place.url(self._what, self._query(request)))

    def _query(self, request: ApiRequest) -> list[tuple[str, str]]:
        query = request.http.query
        flags = [(theirs, "1") for ours, theirs in _FLAGS.items() if request.flag(ours)]
        return flags + [("command", word) for word in query.getall("command", [])]

    async def _join(self, request: ApiRequest, url: URL) -> web.StreamResponse:
        offered = [
            word.strip()
            for line in request.http.headers.getall("Sec-WebSocket-Protocol", [])
            for word in line.split(",")
        ]
        try:
            async with self._door.session.ws_connect(
                url, protocols=offered, autoping=False, autoclose=False, max_msg_size=0, timeout=_LIMITS
            ) as inner:
                chosen = [inner.protocol] if inner.protocol else []
                outer = web.WebSocketResponse(
                    protocols=chosen, autoping=False, autoclose=False, max_msg_size=0
                )
                await outer.prepare(request.http)
                await _bridge(outer, inner)
                return outer
        except aiohttp.WSServerHandshakeError as error:
            raise await self._why(url, error) from error
        except (aiohttp.ClientConnectorError, TimeoutError) as error:
            raise unreachable(url, error) from error

    async def _why(self, url: URL, error: aiohttp.WSServerHandshakeError) -> InternalError | BadRequest:
        """The handshake's refusal, with the kubelet's words, which only a plain request gives."""
        async with self._door.get(url, {}) as answer:
            text = (await answer.content.read(2048)).decode(errors="replace").strip()
        return _not_upgraded(error.status, text or error.message)


def _not_upgraded(status: int, why: str) -> InternalError | BadRequest:
    """A kubelet's refusal of a stream, in upstream's words."""
    words = f"unable to upgrade connection: {why}"
    return BadRequest(words) if status in (400, 404) else InternalError(words)


_LIMITS: Final = aiohttp.ClientWSTimeout(ws_receive=None, ws_close=CONNECT_S)


async def _bridge(outer: web.WebSocketResponse, inner: aiohttp.ClientWebSocketResponse) -> None:
    """Carry messages both ways until one end closes; then close the other with the same code."""
    ways = [asyncio.ensure_future(_carry(outer, inner)), asyncio.ensure_future(_carry(inner, outer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await inner.close()
        await outer.close()


async def _carry(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    sink: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> None:
    while True:
        message = await source.receive()
        match message.type:
            case aiohttp.WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            case aiohttp.WSMsgType.TEXT:
                await sink.send_str(message.data)
            case aiohttp.WSMsgType.PING:
                await sink.ping(message.data)
            case aiohttp.WSMsgType.PONG:
                await sink.pong(message.data)
            case aiohttp.WSMsgType.CLOSE:
                await sink.close(code=message.data or 1000, message=(message.extra or "").encode())
                return
            case _:
                return
