"""`podwire fault` with words that can't be: refused before anything is asked of a lab."""

import pytest
from click.testing import CliRunner

from control.cli.fault_command import command
from control.errors import FaultInvalid


@pytest.mark.parametrize("text", ["soon", "0", "-5s", "1e9h", "s", "nan"])
def test_a_time_that_is_none_is_refused(text):
    done = CliRunner().invoke(command, ["cut", "node-1", "--for", text])
    assert done.exit_code == 2
    assert "is no time" in done.output


@pytest.mark.parametrize(
    "words",
    [
        ["cut", "a", "b", "c"],
        ["lose", "node-1", "150"],
        ["lose", "node-1", "some"],
        ["throttle", "node-1", "10"],
        ["delay", "node-1", "0"],
        ["delay", "node-1", "5", "--jitter", "9"],
    ],
)
def test_what_can_t_be_is_refused_with_a_mend(words):
    done = CliRunner().invoke(command, words)
    assert isinstance(done.exception, FaultInvalid)
    assert done.exception.mend


def test_heal_wants_places_or_all_and_not_both():
    for words in ([], ["node-1", "--all"]):
        assert CliRunner().invoke(command, ["heal", *words]).exit_code == 2
