"""Answers too long for one piece: sent part by part, so that a list of thousands makes nobody else wait.

As upstream's streaming of collections since 1.33: the parts' boundaries are nobody's business, HTTP/1.1 chunks carry
them. A part takes the loop under a millisecond; between two the loop turns to others.
"""

import asyncio
import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from control.api.request import ApiRequest
from control.api.views import data
from control.schema.resource import ResourceRow
from control.store.contract import Entry

COMPRESS_FROM: Final = 128 << 10
"""Answers from this size on are compressed where accepted, as upstream does, and lists are sent in parts."""
PART: Final = 256 << 10
"""The least bytes of a part, but for the last."""
_GZIP: Final = 31
"""zlib's word for its largest window with gzip's header and trailer."""


def list_parts(opening: bytes, row: ResourceRow, entries: Sequence[Entry]) -> Iterable[bytes]:
    """A list's JSON from stored bytes. opening: its head, without the closing brace."""
    pieces, size, before = [opening, b',"items":['], 0, b""
    for entry in entries:
        text = data(row, entry)
        pieces += (before, text)
        size, before = size + len(text), b","
        if size >= PART:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join((*pieces, b"]}"))


async def send_parts(
    request: ApiRequest, parts: Iterable[bytes], headers: CIMultiDict[str], *, compressed: bool
) -> web.StreamResponse:
    """Send them; compression is done in a thread. A client that goes away meanwhile ends it."""
    response = web.StreamResponse(headers=headers)
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP) if compressed else None
    try:
        await response.prepare(request.http)
        for part in parts:
            piece = part if packer is None else await asyncio.to_thread(packer.compress, part)
            if piece:  # an empty chunk would be the last
                await response.write(piece)
            # Where the client keeps up nothing above has waited: it is the others' turn.
            await asyncio.sleep(0)
        if packer is not None:
            await response.write(packer.flush())
        await response.write_eof()
    except ConnectionResetError:
        return response
    return response
