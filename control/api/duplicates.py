"""Fields that a body has twice: the last one counts, and the client is told. Pure."""

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


def duplicate_keys(body: bytes) -> list[str]:
    """What upstream says of keys that a YAML body (which can be read) has more than once, a line each."""
    import yaml

    root = yaml.compose(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return list(_keys(root))


def _keys(node: Any) -> Iterator[str]:
    if node is None or node.id == "scalar":
        return
    if node.id == "sequence":
        for inner in node.value:
            yield from _keys(inner)
        return
    seen: set[str] = set()
    for key, inner in node.value:
        if key.id == "scalar":
            if key.value in seen:
                line = key.start_mark.line + 1
                yield f"line {line}: key {json.dumps(key.value, ensure_ascii=False)} already set in map"
            seen.add(key.value)
        yield from _keys(inner)
