"""pods/exec, attach and portforward: a client's upgraded connection carried through to the kubelet."""

from typing import Final

import aiohttp
from yarl import URL

from control.api.refusals import not_allowed
from control.api.request import Answer, ApiRequest, Response
from control.api.sub.kubelet import CONNECT_S, KubeletDoor, Place, unreachable
from control.api.sub.upgrade import carry_on, upgrade_headers, wants_upgrade
from control.errors import BadRequest
from control.schema.resource import ResourceRow

_FLAGS: Final = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
"""The API's parameter → the kubelet's."""
_TEXT_MOST: Final = 2048


class StreamSubresource:
    """One of exec, attach, portForward. ``what`` is the kubelet's word for it."""

    def __init__(self, door: KubeletDoor, what: str) -> None:
        self._door = door
        self._what = what

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Response:
        """Join the two ends until one closes. Raises BadRequest, NotFound, InternalError."""
        route = request.route
        if route.verb not in ("get", "create"):
            raise not_allowed()
        place, query = self._where(row, request)
        if not place.host:
            raise BadRequest(f"pod {route.name} does not have a host assigned")
        if not wants_upgrade(request.http):
            raise BadRequest("Upgrade request required")
        return await self._carry(request, place.url(self._what, query))

    def _where(self, row: ResourceRow, request: ApiRequest) -> tuple[Place, list[tuple[str, str]]]:
        route, query = request.route, request.http.query
        if self._what == "portForward":
            place = self._door.pod_place(row, route.namespace, route.name)
            return place, [("port", port) for port in query.getall("ports", [])]
        place = self._door.place(row, route.namespace, route.name, request.query.get("container", ""))
        flags = [(theirs, "1") for ours, theirs in _FLAGS.items() if request.flag(ours)]
        return place, flags + [("command", word) for word in query.getall("command", [])]

    async def _carry(self, request: ApiRequest, url: URL) -> Response:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
        headers = upgrade_headers(request.http)
        method = request.http.method
        try:
            async with self._door.session.request(method, url, headers=headers, timeout=limits) as answer:
                if answer.status == 101:
                    return await carry_on(request.http, answer)
                # As it is, as upstream: clients put "unable to upgrade connection" before it themselves.
                return Answer(await answer.content.read(_TEXT_MOST), answer.status, answer.content_type)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise unreachable(url, error) from error
