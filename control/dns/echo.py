"""Hosts of the internet: they answer on HTTP, TCP and UDP, and tell what source address they saw."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

_IDLE_S = 60.0


def _line(peer: Any) -> bytes:
    return f"you are {peer[0]} port {peer[1]}\n".encode()


def udp_echo(data: bytes, peer: tuple[str, int], reply: Callable[[bytes], None]) -> None:
    """Answer a datagram with who sent it and what it said."""
    reply(_line(peer) + data)


async def serve_echo(sock: socket.socket) -> asyncio.Server:
    """On TCP: first a line with the client's address, then everything back."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(_line(writer.get_extra_info("peername")))
            while True:
                async with asyncio.timeout(_IDLE_S):
                    data = await reader.read(65536)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except (TimeoutError, OSError):
            pass  # the client is gone
        finally:
            writer.close()

    return await asyncio.start_server(connection, sock=sock)


async def serve_http(sock: socket.socket) -> asyncio.Server:
    """On HTTP: any request gets JSON with the request's line and host, both addresses, and 200."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(_IDLE_S):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    body = await reader.readexactly(_length(head))
                keep = "connection: close" not in head.lower() and "HTTP/1.0" not in head.split("\r\n", 1)[0]
                writer.write(_http_answer(head, len(body), writer, keep=keep))
                await writer.drain()
                if not keep:
                    break
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client is done
        finally:
            writer.close()

    return await asyncio.start_server(connection, sock=sock)


def _header(head: str, name: str) -> str:
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""


def _length(head: str) -> int:
    text = _header(head, "content-length")
    return min(int(text), 1 << 20) if text.isdigit() else 0


def _http_answer(head: str, received: int, writer: asyncio.StreamWriter, *, keep: bool) -> bytes:
    words = head.split("\r\n", 1)[0].split(" ")
    source, local = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    seen = {
        "place": "internet",
        "address": local[0],
        "source": source[0],
        "sourcePort": source[1],
        "method": words[0],
        "path": words[1] if len(words) > 1 else "",
        "host": _header(head, "host"),
        "bytesReceived": received,
    }
    body = "" if words[0] == "HEAD" else json.dumps(seen) + "\n"
    ending = "keep-alive" if keep else "close"
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Server: podwire-internet\r\nConnection: {ending}\r\n\r\n{body}"
    ).encode()
