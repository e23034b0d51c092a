"""One conversation with a lab's API, from the command line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from control.client.client import ApiClient, ApiUnreachable
from control.errors import LabStopped
from control.lab.directory import LabDirectory
from control.lab.ready import loopback_tls

T = TypeVar("T")


def with_client(directory: LabDirectory, api_port: int, work: Callable[[ApiClient], Awaitable[T]]) -> T:
    """Run ``work`` with a client of the lab's API; LabStopped when it does not answer."""

    async def run() -> T:
        url = f"https://127.0.0.1:{api_port}"
        async with ApiClient(url, loopback_tls(directory), user_agent="podwire") as client:
            return await work(client)

    try:
        return asyncio.run(run())
    except ApiUnreachable as error:
        raise LabStopped(
            f"The API of lab {directory.name} does not answer: {error}.",
            f"podwire status --name {directory.name}",
        ) from error
