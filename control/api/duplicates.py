"""Fields that a JSON body has twice: the last one counts, and the client is told. Pure."""

import json
from collections.abc import Iterator
from typing import Any

import orjson


class _Pairs(list[tuple[str, Any]]):
    """An object as its fields stand in the text."""


def duplicate_fields(body: bytes, value: Any) -> list[str]:
    """Paths of fields that ``body`` has more than once; ``value`` is what it was decoded to.

    Each field has one colon, so a body without duplicates has as many as its value written anew: whether there
    is anything to look for costs microseconds.
    """
    if body.count(b":") == orjson.dumps(value).count(b":") and b"\\u003" not in body:
        return []
    return list(_walk(json.loads(body, object_pairs_hook=_Pairs), ""))


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, inner in value:
            at = f"{path}.{name}" if path else name
            if name in seen:
                yield at
            seen.add(name)
            yield from _walk(inner, at)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{index}]")
