"""Commands run in a container by the kubelet itself: exec probes and hooks."""

import asyncio
import os
import secrets
import signal

from control.workload.request import ExecRequest
from control.workload.runtime import RuntimeFailed, RuntimeGone, ZygoteClient

_OUTPUT_BYTES = 64 * 1024


async def run_command(
    runtime: ZygoteClient, container_id: str, command: tuple[str, ...], timeout_s: float | None
) -> tuple[int, bytes]:
    """Exit code and output (both streams, the first 64 KiB). Raises TimeoutError; the command is then killed.

    A command that can't be started counts as ended with 126, its reason as the output. One that a dying zygote took
    with it is run again: hooks are promised at least once, and a probe without an answer says nothing.
    """
    while True:
        try:
            return await _run_once(runtime, container_id, command, timeout_s)
        except RuntimeGone:
            try:
                await runtime.usable()
            except RuntimeGone as error:
                return 126, str(error).encode()


async def _run_once(
    runtime: ZygoteClient, container_id: str, command: tuple[str, ...], timeout_s: float | None
) -> tuple[int, bytes]:
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    read, write = os.pipe2(os.O_CLOEXEC)
    request = ExecRequest(secrets.token_hex(8), container_id, command)
    collected = asyncio.create_task(_collect(read))
    try:
        try:
            ended = await runtime.exec(request, [null, write, write])
        except RuntimeGone:
            raise
        except RuntimeFailed as error:
            return 126, str(error).encode()
        finally:
            os.close(null)
            os.close(write)
        try:
            async with asyncio.timeout(timeout_s):
                code = await ended
        except TimeoutError:
            await runtime.kill_exec(request.id, signal.SIGKILL)
            raise
        try:
            async with asyncio.timeout(1.0):  # a child of the command may hold the pipe open
                return code, await asyncio.shield(collected)
        except TimeoutError:
            return code, b""
    finally:
        collected.cancel()


async def _collect(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    ended = asyncio.Event()
    found = bytearray()

    def readable() -> None:
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        found.extend(data[: _OUTPUT_BYTES - len(found)])
        if not data:
            ended.set()

    loop.add_reader(descriptor, readable)
    try:
        await ended.wait()
        return bytes(found)
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
