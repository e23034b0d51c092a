"""Reading container logs back: tail, since, limit, time stamps, follow; across rotated files."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Self

from control.agents.pod_logs import KEPT, parse_line

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What ``kubectl logs`` asks for."""

    follow: bool = False
    tail_lines: int | None = None
    since: datetime | None = None
    timestamps: bool = False
    limit_bytes: int | None = None
    stream: str = "All"

    @staticmethod
    def from_query(query: dict[str, str]) -> "LogQuery":
        """From the URL of a log request. Raises ValueError with the parameter's name."""
        since = None
        if query.get("sinceSeconds"):
            since = datetime.now(UTC) - timedelta(seconds=int(query["sinceSeconds"]))
        elif query.get("sinceTime"):
            since = datetime.fromisoformat(query["sinceTime"])
        tail = query.get("tailLines")
        limit = query.get("limitBytes")
        return LogQuery(
            follow=query.get("follow", "").lower() in {"true", "1"},
            tail_lines=int(tail) if tail else None,
            since=since,
            timestamps=query.get("timestamps", "").lower() in {"true", "1"},
            limit_bytes=int(limit) if limit else None,
            stream=query.get("stream") or "All",
        )


async def read_log(path: Path, query: LogQuery, running: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Pieces of a log as they go to the client. running: whether more may come, for ``follow``."""
    left = query.limit_bytes
    with _Follower(path) as follower:
        async for piece in _pieces(follower, query, running):
            cut, left = _limited(piece, left)
            if cut:
                yield cut
            if left == 0:
                return


async def _pieces(
    follower: "_Follower", query: LogQuery, running: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """What is there, then what comes."""
    lines = follower.all().splitlines(keepends=True)
    rest = b""
    if lines and not lines[-1].endswith(b"\n"):
        rest = lines.pop()
    shown = list(_shown(lines, query))
    for piece in shown if query.tail_lines is None else _tail(shown, query.tail_lines):
        yield piece
    while query.follow:
        more = running()
        data = await asyncio.to_thread(follower.more)
        pieces = (rest + data).splitlines(keepends=True)
        rest = pieces.pop() if pieces and not pieces[-1].endswith(b"\n") else b""
        for piece in _shown(pieces, query):
            yield piece
        if not more and not data:
            return
        if not data:
            await asyncio.sleep(_POLL_S)


def _files(path: Path) -> list[Path]:
    rotated = [path.with_name(f"{path.name}.{number}") for number in range(KEPT, 0, -1)]
    return [file for file in (*rotated, path) if file.exists()]


class _Follower:
    """A log that is read while it is written: held open, so that nothing is lost when its pod's directory goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.close()

    def all(self) -> bytes:
        """All there is, rotated files first."""
        older = [file.read_bytes() for file in _files(self._path) if file != self._path]
        return b"".join([*older, self.more()])

    def more(self) -> bytes:
        """What was written since the last call, also when the file was rotated or removed in between."""
        data = self._handle.read() if self._handle is not None else b""
        try:
            now = self._path.stat().st_ino
            if self._handle is None or os.fstat(self._handle.fileno()).st_ino != now:
                fresh = self._path.open("rb")
                if self._handle is not None:
                    data += self._handle.read()
                    self._handle.close()
                self._handle = fresh
                data += fresh.read()
        except FileNotFoundError:
            pass  # what is still open holds the last words
        return data


def _shown(lines: list[bytes], query: LogQuery) -> Iterator[bytes]:
    for line in lines:
        parsed = parse_line(line.rstrip(b"\n"))
        if parsed is None:
            continue
        stamp, stream, whole, text = parsed
        if query.stream not in {"All", ""} and stream != query.stream.lower():
            continue
        if query.since is not None and datetime.fromisoformat(_micro(stamp)) < query.since:
            continue
        head = f"{stamp} ".encode() if query.timestamps else b""
        yield head + text + (b"\n" if whole else b"")


def _micro(stamp: str) -> str:
    """A time of nine digits as Python reads it, with six."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return f"{whole}.{fraction[:6].ljust(6, '0')}+00:00"


def _tail(pieces: list[bytes], count: int) -> list[bytes]:
    if count <= 0:
        return []
    found: list[bytes] = []
    whole = 0
    for piece in reversed(pieces):
        if piece.endswith(b"\n"):
            whole += 1
            if whole > count:
                break
        found.append(piece)
    return found[::-1]


def _limited(piece: bytes, left: int | None) -> tuple[bytes, int | None]:
    if left is None:
        return piece, None
    return piece[:left], max(left - len(piece), 0)
