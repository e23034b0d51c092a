"""The two pages that the kubelet probes: ``/health`` while the process lives, ``/ready`` once it knows all."""

import asyncio
import socket
from collections.abc import Callable

_WAIT_S = 5.0


async def serve_page(sock: socket.socket, path: str, missing: Callable[[], str]) -> asyncio.Server:
    """Answer GETs of one path on a listening socket.

    missing: what is not there yet, "" when all is: then 200, else 503.
    """

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_WAIT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            asked = head.split(b" ", 2)[1].split(b"?", 1)[0].decode("latin-1") if b" " in head else ""
            lack = missing()
            code, body = ("404 Not Found", "404 page not found\n")
            if asked == path:
                code, body = ("503 Service Unavailable", lack) if lack else ("200 OK", "OK")
            answer = (
                f"HTTP/1.1 {code}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
            )
            writer.write(answer.encode())
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the prober went away
        finally:
            writer.close()

    return await asyncio.start_server(connection, sock=sock)
