"""Watch streams as lines of bytes, parsed once for all clients of a process.

Several nodes' agents in one process get the same bytes over their own wires: the parsed object is shared.
"""

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable
from hashlib import blake2b
from typing import Any, Final

import orjson

REMEMBERED: Final = 8192
REMEMBERED_S: Final = 10.0
"""So many lines, for so long: several informers hear the same within moments, or not at all."""
_parsed: OrderedDict[bytes, tuple[float, dict[str, Any]]] = OrderedDict()


async def split_lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """The stream's lines, without their ends; a last line that is not ended is dropped."""
    rest: list[bytes] = []
    async for chunk in chunks:
        if b"\n" not in chunk:
            rest.append(chunk)
            continue
        *lines, last = chunk.split(b"\n")
        if rest:
            lines[0] = b"".join([*rest, lines[0]])
        rest = [last] if last else []
        for line in lines:
            if line:
                yield line


def parse_event(line: bytes) -> dict[str, Any]:
    """A watch event's JSON; the same bytes give the same (shared, read-only) object for a while."""
    digest, now = blake2b(line, digest_size=16).digest(), time.monotonic()
    while _parsed and (len(_parsed) > REMEMBERED or next(iter(_parsed.values()))[0] < now - REMEMBERED_S):
        _parsed.popitem(last=False)
    known = _parsed.get(digest)
    if known is not None:
        return known[1]
    event: dict[str, Any] = orjson.loads(line)
    _parsed[digest] = (now, event)
    return event
