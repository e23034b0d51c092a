"""The memory of pods' volumes: a mount that goes from every mount table."""

import subprocess
from pathlib import Path

import pytest

from control.lab.directory import Caller, LabDirectory
from control.lab.memory import drop_memory, mount_memory
from dataplane.host.unmount import mounts_below

pytestmark = pytest.mark.root


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabDirectory:
    monkeypatch.setenv("PODWIRE_HOME", str(tmp_path / "home"))
    made = LabDirectory.of("tmem")
    made.create(Caller.current())
    return made


def test_it_is_a_memory_file_system_that_goes_with_the_lab(directory: LabDirectory):
    mount_memory(directory)
    assert mounts_below(directory.root) == [str(directory.memory)]
    (directory.memory / "token").write_text("secret")

    drop_memory(directory)
    assert mounts_below(directory.root) == []
    assert not directory.memory.exists()


def test_copies_in_other_mount_tables_go_too(directory: LabDirectory):
    mount_memory(directory)
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "there\n"
            table = Path(f"/proc/{other.pid}/mountinfo")
            assert str(directory.memory) in table.read_text()
            drop_memory(directory)
            assert str(directory.memory) not in table.read_text()
        finally:
            other.kill()
