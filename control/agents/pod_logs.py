"""Container logs in CRI form, ``<time> <stream> <F|P> <text>``, rotated; written from the containers' pipes."""

import asyncio
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_READ = 65536
LONGEST_LINE = 16 * 1024
ROTATE_BYTES = 10 * 1024 * 1024
KEPT = 5

Listener = Callable[[str, bytes], None]


def log_directory(pod_logs: Path, namespace: str, name: str, uid: str) -> Path:
    """``<pod_logs>/<namespace>_<name>_<uid>``, as kubelets lay it out."""
    return pod_logs / f"{namespace}_{name}_{uid}"


class LogWriter:
    """One container's log, from its pipes to its file, until both have ended.

    Nothing is lost when this process dies: the zygote holds the pipes, and a container that writes more than a
    pipe takes just waits.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self._now = now
        self._pending: dict[int, bytearray] = {}
        self._names: dict[int, str] = {}
        self._listeners: list[Listener] = []
        self.ended = asyncio.Event()
        _make_directories(path.parent)
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        self._size = self._file.tell()

    def follow(self, descriptor: int, stream: str) -> None:
        """Take a pipe (or terminal) over: read it to its end, then close it."""
        os.set_blocking(descriptor, False)
        self._pending[descriptor] = bytearray()
        self._names[descriptor] = stream
        asyncio.get_running_loop().add_reader(descriptor, self._readable, descriptor)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear raw output as it comes; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def close(self) -> None:
        """Stop reading; what is in the pipes stays there for who comes next."""
        for descriptor in list(self._pending):
            self._finish(descriptor)

    async def drained(self, deadline_s: float = 1.0) -> None:
        """Wait until the pipes have ended."""
        try:
            await asyncio.wait_for(self.ended.wait(), deadline_s)
        except TimeoutError:
            self.close()

    def _readable(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return
        except OSError:  # a terminal whose last process is gone gives EIO
            data = b""
        if not data:
            self._finish(descriptor)
            return
        stream = self._names[descriptor]
        for listener in list(self._listeners):
            listener(stream, data)
        pending = self._pending[descriptor]
        pending += data
        self._write(cri_lines(pending, stream, self._stamp()))

    def _finish(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        rest, stream = self._pending.pop(descriptor), self._names.pop(descriptor)
        if rest:
            self._write(f"{self._stamp()} {stream} F ".encode() + bytes(rest) + b"\n")
        os.close(descriptor)
        if not self._pending:
            self._file.close()
            self.ended.set()

    def _stamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%S.%f000Z")

    def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._size + len(data) > ROTATE_BYTES and self._size:
            self._file.close()
            for number in range(KEPT - 1, 0, -1):
                older = self.path.with_name(f"{self.path.name}.{number}")
                if older.exists():
                    older.rename(self.path.with_name(f"{self.path.name}.{number + 1}"))
            self.path.rename(self.path.with_name(f"{self.path.name}.1"))
            self.path.with_name(f"{self.path.name}.{KEPT}").unlink(missing_ok=True)
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
            self._size = 0
        self._file.write(data)
        self._size += len(data)


def _make_directories(directory: Path) -> None:
    """The container's directory in its pod's; mkdir on a disk is dear, so no attempt is made in vain."""
    for place in (directory.parent, directory):
        try:
            os.mkdir(place)
        except FileExistsError:
            continue
        except FileNotFoundError:
            os.makedirs(place)


def cri_lines(pending: bytearray, stream: str, stamp: str) -> bytes:
    """The whole lines of ``pending``, taken from it, in CRI form; overlong ones as parts (P)."""
    out = bytearray()
    head = f"{stamp} {stream} ".encode()
    while True:
        end = pending.find(b"\n", 0, LONGEST_LINE + 1)
        if end >= 0:
            out += head + b"F " + pending[: end + 1]
            del pending[: end + 1]
        elif len(pending) > LONGEST_LINE:
            out += head + b"P " + pending[:LONGEST_LINE] + b"\n"
            del pending[:LONGEST_LINE]
        else:
            return bytes(out)


_LINE = re.compile(rb"^(\S+) (stdout|stderr) ([FP]) (.*)$", re.DOTALL)


def parse_line(line: bytes) -> tuple[str, str, bool, bytes] | None:
    """(time, stream, whole, text) of a CRI line without its newline; None for a broken one."""
    match = _LINE.match(line)
    if match is None:
        return None
    return match[1].decode(), match[2].decode(), match[3] == b"F", match[4]
