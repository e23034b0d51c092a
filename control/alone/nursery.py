"""Fresh APIs for tests: one warm process that forks a child for each, told what to do by lines of JSON.

``{"make": {…}}`` on standard input: an API with these options; answered by ``{"pid":…, "port":…, "root":…}`` when it
is ready, or by ``{"error":…}``. ``{"end": PID}``: it is killed, its directory removed, and ``{"ended": PID}`` answered.
The end of standard input ends everything, and so does the nursery's own death. A child is a process of its own with
its own store, port and certificates: nothing of one test can reach the next, and a leaked watch breaks off. The next of its kind is forked while a test runs.
"""

import asyncio
import gc
import json
import logging
import os
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import uvloop

from control.alone.credentials import ensure_credentials, write_kubeconfig
from control.alone.options import AloneOptions
from control.alone.place import Place, ephemeral, sweep
from control.alone.serve import serve_alone
from control.alone.sockets import listen
from control.alone.warm import warm
from dataplane.host.process import die_with_parent

Json = dict[str, Any]

KINDS: Final = 2
"""APIs that wait for their test, each of other options."""


def main() -> None:
    """Until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    warm()
    gc.collect()
    gc.freeze()
    _say({"ready": os.getpid()})
    nursery = Nursery()
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            if "make" in asked:
                options = AloneOptions(**asked["make"])
                _say(nursery.make(options))
                nursery.prepare(options)
            else:
                nursery.end(asked["end"])
                _say({"ended": asked["end"]})
    finally:
        nursery.close()


def _say(answer: Json) -> None:
    with suppress(BrokenPipeError):  # nobody listens any more: the end of standard input is on its way
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


@dataclass
class Child:
    """A forked API. said: what it answers when it is ready, read once. root: its directory, known by then."""

    pid: int
    said: IO[str]
    root: Path | None = None

    def answer(self) -> Json:
        """Wait until it is ready, or has failed."""
        with self.said:
            line = self.said.readline()
        answer: Json = json.loads(line) if line else {"error": "its process ended before it was ready"}
        if "root" in answer:
            self.root = Path(answer["root"])
        return {**answer, "pid": self.pid}

    def end(self) -> None:
        """Kill it, and remove its directory, as far as it has told of it: else a sweep does."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        if not self.said.closed:
            self.answer()
        if self.root is not None:
            shutil.rmtree(self.root, ignore_errors=True)
            with suppress(OSError):  # others' are in it
                self.root.parent.rmdir()


class Nursery:
    """The children: those that tests have, and those that wait for the next test of their kind."""

    def __init__(self) -> None:
        self._living: dict[int, Child] = {}
        self._waiting: dict[AloneOptions, Child] = {}

    def make(self, options: AloneOptions) -> Json:
        """An API that is ready: the one that waits, else a fresh one; what is to be said of it."""
        child = self._waiting.pop(options, None) or _fork(options)
        answer = child.answer()
        if "error" in answer:
            child.end()
        else:
            self._living[child.pid] = child
        return answer

    def prepare(self, options: AloneOptions) -> None:
        """Fork the next one of this kind while the test runs. At most KINDS wait; the oldest goes."""
        while len(self._waiting) >= KINDS:
            self._waiting.pop(next(iter(self._waiting))).end()
        self._waiting[options] = _fork(options)

    def end(self, pid: int) -> None:
        """A test has ended."""
        self._living.pop(pid).end()

    def close(self) -> None:
        """End all."""
        for child in (*self._living.values(), *self._waiting.values()):
            child.end()
        sweep()


def _fork(options: AloneOptions) -> Child:
    reading, writing = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(options, writing, parent)
    os.close(writing)
    return Child(pid, os.fdopen(reading))


def _child(options: AloneOptions, answer: int, parent: int) -> NoReturn:
    """One API, until it is killed."""
    try:
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        with ephemeral() as place:
            log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 2)
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
            uvloop.run(_serve(place, options, answer))
    except BaseException as error:  # the child's border: what it was is told, and the process ends here
        logging.getLogger(__name__).exception("the API ended")
        with suppress(OSError):
            os.write(answer, json.dumps({"error": str(error) or repr(error)}).encode() + b"\n")
    os._exit(1)


async def _serve(place: Place, options: AloneOptions, answer: int) -> None:
    ensure_credentials(place)
    with listen(0, wanted=True) as sock:
        port = sock.getsockname()[1]
        write_kubeconfig(place, port, None)

        def ready() -> None:
            gc.freeze()
            os.write(answer, json.dumps({"port": port, "root": str(place.root)}).encode() + b"\n")
            os.close(answer)

        await serve_alone(place, options, sock, ready)
    await asyncio.sleep(0)


if __name__ == "__main__":
    main()
