"""Watch streams as lines of bytes, parsed once for all clients of a process.

Several nodes' agents in one process get the same bytes over their own wires: the parsed object is shared.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any, Final

import orjson

REMEMBERED: Final = 512
_parsed: OrderedDict[bytes, dict[str, Any]] = OrderedDict()


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
    event = _parsed.get(line)
    if event is None:
        event = orjson.loads(line)
        _parsed[line] = event
        if len(_parsed) > REMEMBERED:
            _parsed.popitem(last=False)
    return event
