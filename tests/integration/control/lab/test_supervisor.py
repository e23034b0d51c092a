"""The supervisor forks roles, starts dead ones again, tells who is ready, and takes its roles with it."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control.lab.directory import Caller, LabDirectory
from control.lab.supervisor import ask

PROGRAM = textwrap.dedent(
    """
    import os, signal, sys, time
    from control.lab.directory import LabDirectory
    from control.lab.supervisor import Role, Supervisor

    def steady(ready):
        ready()
        signal.pause()

    def brittle(ready):
        sys.exit(3)

    def builder(ready):
        print("built")

    directory = LabDirectory.of("tsup")
    roles = (
        Role("builder", builder, once=True),
        Role("steady", steady, needs=("builder",)),
        Role("last", steady, needs=("steady",)),
    )
    if "brittle" in sys.argv:
        roles += (Role("brittle", brittle),)
    Supervisor(directory, roles, lambda: None, int(sys.argv[1])).run()
    """
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabDirectory:
    monkeypatch.setenv("PODWIRE_HOME", str(tmp_path))
    made = LabDirectory.of("tsup")
    made.create(Caller(os.geteuid(), os.getegid()))
    return made


Start = Callable[..., tuple[subprocess.Popen[bytes], int]]


@pytest.fixture
def start(directory: LabDirectory) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(*words: str) -> tuple[subprocess.Popen[bytes], int]:
        read, write = os.pipe()
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(write), *words], pass_fds=[write])
        os.close(write)
        started.append(process)
        return process, read

    yield run
    for process in started:
        process.kill()
        process.wait(10)


def messages(read: int, within_s: float = 20) -> Iterator[dict[str, object]]:
    os.set_blocking(read, False)
    deadline, rest = time.monotonic() + within_s, b""
    while time.monotonic() < deadline:
        try:
            chunk = os.read(read, 4096)
        except BlockingIOError:
            time.sleep(0.005)
            continue
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, lines)
    pytest.fail("the report did not end in time")


def until(condition: Callable[[], object], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


def roles(directory: LabDirectory) -> dict[str, dict[str, object]]:
    report = ask(directory)
    return {role["name"]: role for role in report["roles"]} if report else {}


def alive(pid: object) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_roles_start_in_the_order_of_their_needs_and_the_report_ends_when_all_are_ready(directory, start):
    _, read = start()
    told = [message["ready"] for message in messages(read) if "ready" in message]
    assert told == ["builder", "steady", "last"]
    assert "built" in (directory.logs / "builder.log").read_text()


def test_a_role_that_was_killed_is_started_again(directory, start):
    _, read = start()
    list(messages(read))
    before = roles(directory)["steady"]["pid"]
    os.kill(int(str(before)), signal.SIGKILL)
    until(lambda: roles(directory)["steady"]["pid"] not in (0, before))
    until(lambda: roles(directory)["steady"]["state"] == "ready")
    assert roles(directory)["steady"]["restarts"] == 1


def test_a_role_that_cannot_live_is_told_with_its_code_and_tried_ever_more_slowly(directory, start, capfd):
    _, read = start("brittle")
    ends = []
    for message in messages(read):
        if "ended" in message:
            ends.append((message["ended"], message["code"], message["restarts"]))
        if len(ends) == 3:
            break
    assert ends == [("brittle", 3, 1), ("brittle", 3, 2), ("brittle", 3, 3)]
    pauses = [
        float(text) for text in re.findall(r"brittle ended .* again in ([\d.]+) s", capfd.readouterr().out)
    ]
    assert pauses[:3] == [0.1, 0.2, 0.4]


def test_the_roles_die_with_their_supervisor(directory, start):
    process, read = start()
    list(messages(read))
    pids = [role["pid"] for role in roles(directory).values()]
    assert len(pids) == 2
    process.kill()
    process.wait(10)
    until(lambda: not any(alive(pid) for pid in pids))
    assert ask(directory) is None
