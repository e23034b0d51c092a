"""What exec and attach know of their client: its streams by number, and the Status that ends them."""

import os
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from aiohttp import web

from control.agents.stream_io import resize, write_all

Json = dict[str, Any]
STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ERROR: Final = 3
RESIZE: Final = 4
_END_OF_INPUT: Final = b"\x04"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Which streams the client wants."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @staticmethod
    def of(query: Mapping[str, str]) -> "StreamOptions":
        """From the URL; ``input``, ``output`` and ``error`` are the kubelet's older words."""

        def on(*names: str) -> bool:
            return any(query.get(name, "").lower() in {"1", "true"} for name in names)

        tty = on("tty")
        return StreamOptions(
            on("stdin", "input"), on("stdout", "output"), on("stderr", "error") and not tty, tty
        )


class Input:
    """What a client types, on its way to a process. Owns ``descriptor`` (None: nobody reads it).

    terminal: it is one; the end of input is a key there. on_end: what else is to be done when the client says that
    nothing more comes (instead of the key): the input of a running container has other writers.
    """

    def __init__(
        self,
        descriptor: int | None,
        *,
        terminal: bool = False,
        on_end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._terminal = terminal
        self._on_end = on_end
        self._ended = False

    async def write(self, data: bytes) -> None:
        """All of it, when there is room; what nobody reads any more is dropped."""
        if self._descriptor is not None and data:
            await write_all(self._descriptor, data)

    async def end(self) -> None:
        """Nothing more comes."""
        if self._ended:
            return
        self._ended = True
        if not self._terminal:
            self.close()
        elif self._on_end is None:
            await self.write(_END_OF_INPUT)
        if self._on_end is not None:
            await self._on_end()

    def size(self, message: bytes) -> None:
        """The client's window, as JSON; what is no size is left out."""
        if not self._terminal or self._descriptor is None:
            return
        try:
            wanted = orjson.loads(message)
            resize(self._descriptor, int(wanted.get("Width", 0)), int(wanted.get("Height", 0)))
        except (ValueError, AttributeError, TypeError, OverflowError, struct.error, OSError):
            return

    def close(self) -> None:
        """Let the descriptor go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class StreamClient(Protocol):
    """One client of exec or attach."""

    @property
    def response(self) -> web.StreamResponse:
        """What the handler returns."""

    @property
    def options(self) -> StreamOptions:
        """What the client asked for."""

    @property
    def ready(self) -> bool:
        """Whether all its streams are there; otherwise it is not to be served."""

    async def send(self, channel: int, data: bytes) -> bool:
        """To STDOUT or STDERR. False when the client is gone."""

    async def finish(self, status: Json) -> None:
        """The last word, on ERROR; then everything is closed."""

    async def take(self, given: Input) -> None:
        """Carry what the client types, and its window's sizes, until the client is gone."""


def success() -> Json:
    """The Status of a command that ended with 0."""
    return {"metadata": {}, "status": "Success"}


def exited(code: int) -> Json:
    """The Status of a command that ended with another code."""
    if code == 0:
        return success()
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failed(message: str) -> Json:
    """The Status of a command that could not be run."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {message}",
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    }
