"""Reading and writing pipes and terminals from the event loop, chunk by chunk."""

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import AsyncIterator

_CHUNK = 32 * 1024


async def chunks(descriptor: int) -> AsyncIterator[bytes]:
    """What arrives, until its end. The descriptor stays the caller's."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    while True:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            await _ready(loop, descriptor, write=False)
            continue
        except OSError:  # EIO: the last process of a terminal is gone
            return
        if not data:
            return
        yield data


async def write_all(descriptor: int, data: bytes) -> bool:
    """Write everything, waiting for room; False when nobody reads any more."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    while data:
        try:
            written = os.write(descriptor, data)
        except BlockingIOError:
            await _ready(loop, descriptor, write=True)
            continue
        except OSError:
            return False
        data = data[written:]
    return True


def resize(terminal: int, width: int, height: int) -> None:
    """A terminal's size in characters."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


async def _ready(loop: asyncio.AbstractEventLoop, descriptor: int, *, write: bool) -> None:
    ready: asyncio.Future[None] = loop.create_future()

    def go() -> None:
        if not ready.done():
            ready.set_result(None)

    if write:
        loop.add_writer(descriptor, go)
    else:
        loop.add_reader(descriptor, go)
    try:
        await ready
    finally:
        if write:
            loop.remove_writer(descriptor)
        else:
            loop.remove_reader(descriptor)
