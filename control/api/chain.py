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

from control.api.request import Answer, ApiRequest, Response
from control.errors import ApiError, InternalError

log = logging.getLogger(__name__)

Handler = Callable[[ApiRequest], Awaitable[Response]]
Filter = Callable[[ApiRequest, Handler], Awaitable[Response]]
COMPRESS_FROM: Final = 128 << 10
"""Answers from this size on are compressed where accepted, as upstream does."""
_WARNINGS_MOST: Final = 4096


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
    headers = {"Cache-Control": "no-cache, private", "Content-Type": answer.content_type, **answer.headers}
    body = answer.body
    if len(body) >= COMPRESS_FROM and "gzip" in request.http.headers.get("Accept-Encoding", ""):
        body = await asyncio.to_thread(gzip.compress, body, 1)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    response = web.Response(body=body, status=answer.status, headers=headers)
    for warning in request.warnings:
        response.headers.add("Warning", f'299 - "{_escaped(warning)}"')
    return response


def _escaped(text: str) -> str:
    """A quoted string of a header: one line of printable ASCII."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in text.replace("\n", " "))
    return printable.replace("\\", "\\\\").replace('"', '\\"')[:_WARNINGS_MOST]
