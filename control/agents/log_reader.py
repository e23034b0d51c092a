"""Reading container logs back: tail, since, limit, time stamps, follow; across rotated files."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    position, inode = 0, 0
    lines: list[bytes] = []
    for file in _files(path):
        with file.open("rb") as handle:
            lines += handle.read().splitlines(keepends=True)
            position, inode = handle.tell(), file.stat().st_ino
    rest = b""
    if lines and not lines[-1].endswith(b"\n"):
        rest = lines.pop()
    shown = list(_shown(lines, query))
    if query.tail_lines is not None:
        shown = _tail(shown, query.tail_lines)
    for piece in shown:
        cut, left = _limited(piece, left)
        if cut:
            yield cut
        if left == 0:
            return
    while query.follow:
        more = running()
        data, position, inode = await asyncio.to_thread(_since, path, position, inode)
        pieces = (rest + data).splitlines(keepends=True)
        rest = pieces.pop() if pieces and not pieces[-1].endswith(b"\n") else b""
        for piece in _shown(pieces, query):
            cut, left = _limited(piece, left)
            if cut:
                yield cut
            if left == 0:
                return
        if not more and not data:
            return
        if not data:
            await asyncio.sleep(_POLL_S)


def _files(path: Path) -> list[Path]:
    rotated = [path.with_name(f"{path.name}.{number}") for number in range(KEPT, 0, -1)]
    return [file for file in (*rotated, path) if file.exists()]


def _since(path: Path, position: int, inode: int) -> tuple[bytes, int, int]:
    """What was written after ``position``, also when the file was rotated in between."""
    if not path.exists():
        return b"", position, inode
    data = b""
    now = path.stat().st_ino
    if now != inode and inode:
        older = path.with_name(f"{path.name}.1")
        if older.exists() and older.stat().st_ino == inode:
            with older.open("rb") as handle:
                handle.seek(position)
                data = handle.read()
        position = 0
    with path.open("rb") as handle:
        handle.seek(position)
        data += handle.read()
        return data, handle.tell(), now


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
