"""A command that runs beside an API alone: forked before the API has threads, started when it is ready."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from control.errors import AloneInvalid
from dataplane.host.process import die_with_parent


class Beside:
    """The command's process; a context manager that ends it with the API.

    environment: all of it, for the command. Raises AloneInvalid for a command that is not there.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        if shutil.which(words[0], path=environment.get("PATH")) is None:
            raise AloneInvalid(
                f"There is no command {words[0]!r}.", "podwire api -- COMMAND, as you would type it alone"
            )
        self._words, self._environment = list(words), dict(environment)

    def __enter__(self) -> Self:
        waiting, self._go = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(waiting, parent)
        os.close(waiting)
        self._code: int | None = None
        return self

    def _become(self, waiting: int, parent: int) -> None:
        """In the child: wait for the word, then be the command."""
        os.close(self._go)
        die_with_parent(signal.SIGTERM)
        if os.getppid() != parent or os.read(waiting, 1) != b"1":
            os._exit(1)  # the API did not start, or is gone
        try:
            os.execvpe(self._words[0], self._words, self._environment)  # noqa: S606 (the user's own command)
        except OSError as error:
            os.write(2, f"podwire: {self._words[0]}: {error.strerror}\n".encode())
        os._exit(126)

    def start(self) -> None:
        """The API is ready: run it."""
        os.write(self._go, b"1")

    async def wait(self) -> int:
        """Its exit code; 128 and the signal's number for one that a signal ended."""
        if self._code is None:
            _, status = await asyncio.to_thread(os.waitpid, self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            self._code = code if code >= 0 else 128 - code
        return self._code

    def terminate(self) -> None:
        """Ask it to end."""
        if self._code is None:
            os.kill(self.pid, signal.SIGTERM)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._go)
        if self._code is None:
            self.terminate()
            os.waitpid(self.pid, 0)
