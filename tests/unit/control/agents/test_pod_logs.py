"""Container logs: CRI lines, rotation, and reading them back."""

import asyncio
import os
from datetime import UTC, datetime

import pytest

from control.agents import pod_logs
from control.agents.log_reader import LogQuery, read_log
from control.agents.pod_logs import LONGEST_LINE, LogWriter, cri_lines, parse_line

STAMP = "2026-01-01T00:00:00.000000000Z"


def test_only_whole_lines_are_taken():
    pending = bytearray(b"one\ntwo\nthr")
    assert cri_lines(pending, "stdout", STAMP) == f"{STAMP} stdout F one\n{STAMP} stdout F two\n".encode()
    assert pending == b"thr"


def test_an_overlong_line_is_written_in_parts():
    pending = bytearray(b"x" * (LONGEST_LINE + 5) + b"\n")
    lines = cri_lines(pending, "stderr", STAMP).splitlines()
    assert [parse_line(line)[2] for line in lines] == [False, True]
    assert b"".join(parse_line(line)[3] for line in lines) == b"x" * (LONGEST_LINE + 5)


def test_a_broken_line_is_no_line():
    assert parse_line(b"nonsense") is None


async def written(path, *pieces):
    """A log of what a container wrote to its standard output."""
    read, write = os.pipe()
    writer = LogWriter(path, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    writer.follow(read, "stdout")
    for piece in pieces:
        os.write(write, piece)
    os.close(write)
    await writer.drained(5.0)
    return writer


async def test_what_a_container_writes_is_there_when_it_has_ended(tmp_path):
    await written(tmp_path / "c" / "0.log", b"a\nb", b"c\nlast")
    text = (tmp_path / "c" / "0.log").read_text()
    assert [line.split(" ", 3)[3] for line in text.splitlines()] == ["a", "bc", "last"]


async def test_logs_are_rotated_and_read_across_their_files(tmp_path, monkeypatch):
    monkeypatch.setattr(pod_logs, "ROTATE_BYTES", 200)
    path = tmp_path / "0.log"
    read, write = os.pipe()
    writer = LogWriter(path)
    writer.follow(read, "stdout")
    for number in range(12):
        os.write(write, f"line {number:02}\n".encode())
        while not path.read_bytes().endswith(f"line {number:02}\n".encode()):
            await asyncio.sleep(0)
    os.close(write)
    await writer.drained(5.0)
    assert (tmp_path / "0.log.1").exists()
    assert not (tmp_path / "0.log.6").exists()
    text = b"".join([piece async for piece in read_log(path, LogQuery(), lambda: False)]).decode()
    assert text.splitlines() == [f"line {number:02}" for number in range(12)]


async def read_back(path, **query):
    return b"".join([piece async for piece in read_log(path, LogQuery(**query), lambda: False)]).decode()


async def test_a_log_is_cut_as_asked(tmp_path):
    path = tmp_path / "0.log"
    lines = [
        f"2026-01-01T00:00:0{n}.000000000Z {'stderr' if n == 2 else 'stdout'} F line {n}" for n in range(5)
    ]
    path.write_text("\n".join(lines) + "\n")
    assert (await read_back(path, tail_lines=2)).splitlines() == ["line 3", "line 4"]
    assert await read_back(path, tail_lines=0) == ""
    assert await read_back(path, limit_bytes=9) == "line 0\nli"
    assert (await read_back(path, timestamps=True, tail_lines=1)) == "2026-01-01T00:00:04.000000000Z line 4\n"
    since = datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)
    assert (await read_back(path, since=since)).splitlines() == ["line 3", "line 4"]
    assert (await read_back(path, stream="Stderr")).splitlines() == ["line 2"]


async def test_following_goes_on_until_the_container_ends_and_misses_nothing(tmp_path):
    path = tmp_path / "0.log"
    path.write_text(f"{STAMP} stdout F one\n{STAMP} stdout F tw")
    running, seen = True, []

    async def follow():
        async for piece in read_log(path, LogQuery(follow=True), lambda: running):
            seen.append(piece)  # noqa: PERF401 (it is looked at while it grows)

    task = asyncio.create_task(follow())
    while not seen:
        await asyncio.sleep(0)
    with path.open("a") as file:
        file.write(f"o\n{STAMP} stdout F three\n")
    running = False
    await asyncio.wait_for(task, 5)
    assert b"".join(seen) == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("query", [{"tailLines": "x"}, {"sinceSeconds": "soon"}, {"limitBytes": "-"}])
def test_nonsense_in_a_query_is_an_error(query):
    with pytest.raises(ValueError):
        LogQuery.from_query(query)
