"""Calls that a stand-in makes for real, through its pod's DNS and network."""

import asyncio
import socket
import time
from typing import Any

import orjson

_DEADLINE_S = 5.0


def call_all(targets: tuple[str, ...], path: str = "/") -> list[dict[str, Any]]:
    """Call every upstream, all at once, from a thread of its own."""

    async def every() -> list[dict[str, Any]]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call(target, path)) for target in targets]
        return [task.result() for task in tasks]

    return asyncio.run(every())


async def call(target: str, path: str, deadline_s: float = _DEADLINE_S) -> dict[str, Any]:
    """Resolve, connect, and ask over HTTP who answers.

    Returns target, ok, address, connect_ms and, as far as it got, status, answer or error. A peer that accepts
    and does not speak HTTP counts as reached.
    """
    result: dict[str, Any] = {"target": target, "ok": False}
    host, _, port = target.rpartition(":")
    began = time.perf_counter()
    try:
        async with asyncio.timeout(deadline_s):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            result["resolve_ms"] = _ms(began)
            address = str(found[0][4][0])
            result["address"] = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            began = time.perf_counter()
            reader, writer = await asyncio.open_connection(address, int(port))
            result["connect_ms"] = _ms(began)
            result["ok"] = True
            try:
                await _ask(reader, writer, host, path, result)
            finally:
                writer.close()
    except socket.gaierror as error:
        result["error"] = f"resolve: {error.strerror}"
    except TimeoutError:
        result["error"] = "timeout"
    except (OSError, ValueError) as error:
        result["error"] = str(error)
    return result


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str, result: dict[str, Any]
) -> None:
    words = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: podwire-stand-in\r\nConnection: close\r\n\r\n"
    )
    writer.write(words.encode())
    try:
        async with asyncio.timeout(1.0):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read(65536)
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return  # reached, and it speaks something else
    first = head.split(b"\r\n", 1)[0].split(b" ")
    if len(first) > 1 and first[1].isdigit():
        result["status"] = int(first[1])
    try:
        words_back = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    if isinstance(words_back, dict) and "pod" in words_back:
        result["answer"] = f"{words_back['namespace']}/{words_back['pod']} on {words_back['node']}"


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
