"""pods/log: a container's log, streamed from its kubelet."""

from typing import Final

from aiohttp import web

from control.api.refusals import not_allowed
from control.api.request import Answer, ApiRequest, Response
from control.api.sub.kubelet import KubeletDoor
from control.errors import BadRequest, InternalError, NotFound
from control.schema.resource import ResourceRow

_PASSED: Final = (
    "follow",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "tailLines",
    "limitBytes",
    "stream",
)


class LogSubresource:
    """GET of ``pods/NAME/log``."""

    def __init__(self, door: KubeletDoor) -> None:
        self._door = door

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Response:
        """The log as plain text, as it comes. Raises BadRequest, NotFound, InternalError."""
        route, query = request.route, request.query
        if route.verb != "get":
            raise not_allowed()
        place = self._door.place(row, route.namespace, route.name, query.get("container", ""))
        if not place.host:
            return Answer(b"", content_type="text/plain")
        url = place.url("containerLogs", [(key, query[key]) for key in _PASSED if query.get(key)])
        async with self._door.get(url, {}) as answer:
            if answer.status >= 400:
                text = (await answer.content.read(2048)).decode(errors="replace").strip()
                raise refused(answer.status, text)
            stream = web.StreamResponse(headers={"Content-Type": "text/plain"})
            await stream.prepare(request.http)
            async for chunk in answer.content.iter_any():
                await stream.write(chunk)
            await stream.write_eof()
            return stream


def refused(status: int, text: str) -> BadRequest | NotFound | InternalError:
    """A kubelet's refusal as the API tells it."""
    if status == 400:
        return BadRequest(text)
    if status == 404:
        return NotFound(text)
    return InternalError(text or f"the kubelet answered {status}")
