"""podwire.Lab, as far as it makes nothing."""

import subprocess
import sys

import pytest

import podwire
from control.errors import CommandFailed, NameInvalid
from control.testkit.session import Lab


def test_it_is_podwires_and_loaded_only_when_asked_for():
    assert podwire.Lab is Lab
    script = (
        "import sys, podwire; assert not [m for m in sys.modules if m.startswith(('control', 'dataplane'))]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="Laboratory"):
        _ = podwire.Laboratory  # type: ignore[attr-defined]


def test_a_name_of_its_own_is_a_name_and_another_each_time():
    names = {Lab().name for _ in range(5)}
    assert len(names) == 5
    with pytest.raises(NameInvalid):
        Lab("no-hyphens")


def test_a_command_that_fails_says_what_it_said(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text("workers: many\n")
    with pytest.raises(CommandFailed, match="workers: expected a whole number") as told:
        Lab("tfx", file=file).up()
    assert told.value.exit_code == 1
