"""DNS over TCP: messages with their length in front, several a connection (RFC 7766)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

IDLE_S = 10.0
StreamHandler = Callable[[bytes], Awaitable[bytes | None]]


async def serve_stream(sock: socket.socket, handler: StreamHandler) -> asyncio.Server:
    """Answer on a listening socket; close the server that is returned."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    message = await read_message(reader)
                answer = await handler(message)
                if answer is None:
                    break
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # the client is done, or gone
        finally:
            writer.close()

    return await asyncio.start_server(connection, sock=sock)


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """The next message. Raises IncompleteReadError at the end."""
    length = int.from_bytes(await reader.readexactly(2), "big")
    return await reader.readexactly(length)


async def ask_stream(server: str, port: int, message: bytes) -> bytes:
    """Send one message over a new connection and return the answer."""
    reader, writer = await asyncio.open_connection(server, port)
    try:
        writer.write(len(message).to_bytes(2, "big") + message)
        await writer.drain()
        return await read_message(reader)
    finally:
        writer.close()
