"""The lab's directory and its lock."""

import os
import stat
import threading
from pathlib import Path

import pytest

from control.errors import HomeInvalid, NoSuchLab
from control.lab.directory import Caller, LabDirectory, all_labs


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabDirectory:
    monkeypatch.setenv("PODWIRE_HOME", str(tmp_path / "home"))
    return LabDirectory.of("tdir")


def test_the_tree_is_its_owners_alone(directory: LabDirectory):
    directory.create(Caller(os.geteuid(), os.getegid()))
    assert stat.S_IMODE(directory.root.stat().st_mode) == 0o700
    directory.write({"apiPort": 1})
    assert stat.S_IMODE(directory.spec.stat().st_mode) == 0o600
    assert directory.read() == {"apiPort": 1}
    assert [lab.name for lab in all_labs()] == ["tdir"]


def test_a_lab_that_is_not_there_is_told_with_the_line_that_makes_it(directory: LabDirectory):
    with pytest.raises(NoSuchLab) as caught:
        directory.must_exist()
    assert caught.value.mend == "sudo podwire up --name tdir"


def test_one_command_at_a_time_and_nothing_stays_behind(directory: LabDirectory):
    order: list[str] = []
    inside, may_leave = threading.Event(), threading.Event()

    def first() -> None:
        with directory.locked("up"):
            inside.set()
            may_leave.wait(10)
            order.append("first")

    def second() -> None:
        with directory.locked("down"):
            order.append("second")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert inside.wait(10)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    may_leave.set()
    for thread in threads:
        thread.join(20)
    assert order == ["first", "second"]
    assert list(directory.root.parent.iterdir()) == []


def test_sudo_gives_the_lab_to_its_caller(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "1235")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Caller.current() == Caller(1234, 1235)


def test_a_directory_that_is_no_labs_is_neither_listed_nor_removed_nor_taken(directory: LabDirectory):
    precious = directory.root / "precious"
    precious.mkdir(parents=True)
    assert all_labs() == []
    directory.remove()
    assert precious.is_dir()
    with pytest.raises(HomeInvalid):
        directory.create(Caller(os.geteuid(), os.getegid()))
