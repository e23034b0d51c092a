"""A log that is followed loses nothing when its file is rotated or goes with its pod."""

import asyncio
from pathlib import Path

from control.agents.log_reader import LogQuery, read_log

STAMP = "2026-11-24T20:00:00.000000000Z"


def line(text: str) -> str:
    return f"{STAMP} stdout F {text}\n"


async def test_last_words_are_heard_although_the_file_is_removed_with_its_pod(tmp_path: Path):
    path = tmp_path / "0.log"
    path.write_text(line("first"))
    runs = asyncio.Event()
    runs.set()
    heard = []
    async for piece in read_log(path, LogQuery(follow=True), runs.is_set):
        heard.append(piece)
        if runs.is_set():
            with path.open("a") as file:
                file.write(line("last words"))
            path.unlink()
            runs.clear()
    assert heard == [b"first\n", b"last words\n"]


async def test_a_rotation_while_it_is_followed_loses_and_doubles_nothing(tmp_path: Path):
    path = tmp_path / "0.log"
    path.write_text(line("one"))
    steps = iter(["rotate", "end"])
    runs = asyncio.Event()
    runs.set()
    heard = []
    async for piece in read_log(path, LogQuery(follow=True), runs.is_set):
        heard.append(piece)
        if piece == b"three\n":
            runs.clear()
        elif next(steps, "") == "rotate":
            with path.open("a") as file:
                file.write(line("two"))
            path.rename(tmp_path / "0.log.1")
            path.write_text(line("three"))
    assert heard == [b"one\n", b"two\n", b"three\n"]
