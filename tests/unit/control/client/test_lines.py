"""Watch streams as lines, parsed once."""

from collections.abc import AsyncIterator

from control.client import lines


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_lines_come_whole_however_the_stream_is_cut() -> None:
    cut = chunks(b'{"a"', b":1}\n{", b'"b":2}\n{"c":3}\n{"un', b'ended"')

    assert [line async for line in lines.split_lines(cut)] == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


def test_the_same_bytes_give_the_same_object() -> None:
    line = b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}'

    assert lines.parse_event(line) is lines.parse_event(bytes(bytearray(line)))
    assert lines.parse_event(b'{"type":"DELETED","object":{}}') == {"type": "DELETED", "object": {}}
