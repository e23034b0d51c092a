"""kubectl is the one that is there, else the packaged one."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from control.errors import ToolMissing
from control.lab import kubectl


@pytest.fixture
def no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without kubectl, and with an empty cache at the returned path."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_one_on_path_is_taken(no_path: Path):
    there = no_path / "bin" / "kubectl"
    there.parent.mkdir()
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    assert kubectl.find() == there


def test_without_it_the_packaged_one_is_unpacked_once_and_runs(no_path: Path):
    first = kubectl.find()
    unpacked_at = first.stat().st_mtime_ns
    assert first.is_relative_to(no_path / "environment")
    assert kubectl.find() == first
    assert first.stat().st_mtime_ns == unpacked_at
    version = subprocess.run(
        [first, "version", "--client"], capture_output=True, text=True, check=True
    ).stdout
    assert "v1.37" in version
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_an_environment_that_cannot_be_written_leads_to_the_users_cache(no_path: Path, monkeypatch):
    (no_path / "environment").write_text("a file where a folder should be, which even root can't write into")
    monkeypatch.setattr(kubectl, "_copy_out", lambda tool, into: into.write(b"#!/bin/sh\n"))
    assert kubectl.packaged().is_relative_to(no_path / "cache" / "podwire")


def test_without_both_the_mend_is_named(no_path: Path, monkeypatch: pytest.MonkeyPatch):
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(ToolMissing, match="kubectl is not on PATH") as caught:
        kubectl.find()
    assert "pip install" in caught.value.mend
