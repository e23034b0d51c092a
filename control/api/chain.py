"""The filters in upstream's order: audit, authenticate, (fairness, authorise: absent), then the verb.

Each filter is a function from a request and the next handler to an answer. The outermost turns errors into Status
objects, adds Warning headers and compresses.
"""

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import orjson
from aiohttp import web
from multidict import CIMultiDict

from control.api.long_answer import COMPRESS_FROM, send_parts
from control.api.request import Answer, ApiRequest, Response
from control.errors import ApiError, InternalError

log = logging.getLogger(__name__)

Handler = Callable[[ApiRequest], Awaitable[Response]]
Filter = Callable[[ApiRequest, Handler], Awaitable[Response]]
_WARNINGS_MOST: Final = 4096
_WARNINGS_LISTED: Final = 50
"""Headers of one answer that are warnings: Python's clients give up at 100 headers."""


def chain(filters: Sequence[Filter], last: Handler) -> Handler:
    """One handler: the filters from the outermost to the innermost, then ``last``."""
    handler = last
    for outer in reversed(filters):
        handler = _around(outer, handler)
    return handler


def _around(outer: Filter, inner: Handler) -> Handler:
    async def handle(request: ApiRequest) -> Response:
        return await outer(request, inner)

    return handle


async def as_status(request: ApiRequest, following: Handler) -> Response:
    """Errors → Status objects."""
    try:
        return await following(request)
    except ApiError as error:
        return status_answer(error)
    except ConnectionError:
        # The client went away in the middle of its own answer.
        raise
    except Exception:  # the request border: whatever failed, this client gets an answer and the others go on
        log.exception("%s %s", request.http.method, request.route.path)
        return status_answer(InternalError("an internal error; see the API server's log"))


def status_answer(error: ApiError) -> Answer:
    """The answer of an error; when it says how long to wait, a Retry-After header too."""
    status = error.as_status()
    wait = status.get("details", {}).get("retryAfterSeconds")
    headers = {"Retry-After": str(wait)} if wait else {}
    return Answer(orjson.dumps(status), error.code, headers=headers)


async def finish(request: ApiRequest, handler: Handler) -> web.StreamResponse:
    """Run the chain and make its answer aiohttp's."""
    answer = await handler(request)
    if isinstance(answer, web.StreamResponse):
        return answer
    headers = CIMultiDict(answer.headers)
    headers.update({"Cache-Control": "no-cache, private", "Content-Type": answer.content_type})
    told = list(dict.fromkeys(request.warnings))
    headers.extend([("Warning", f'299 - "{_escaped(warning)}"') for warning in told[:_WARNINGS_LISTED]])
    body, long = answer.body, answer.parts is not None or len(answer.body) >= COMPRESS_FROM
    compressed = long and "gzip" in request.http.headers.get("Accept-Encoding", "")
    if compressed:
        headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    if answer.parts is not None:
        return await send_parts(request, answer.parts, headers, compressed=compressed)
    if compressed:
        body = await asyncio.to_thread(gzip.compress, body, 1)
    return web.Response(body=body, status=answer.status, headers=headers)


def _escaped(text: str) -> str:
    """A quoted string of a header: one line of printable ASCII."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in text.replace("\n", " "))
    return printable.replace("\\", "\\\\").replace('"', '\\"')[:_WARNINGS_MOST]
