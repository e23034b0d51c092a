"""What the marker's words mean, and what it says of words that mean nothing."""

from pathlib import Path

import pytest

from control.testkit.labs import Shape

HERE = Path("/somewhere/tests")


def test_without_words_the_runs_default():
    assert Shape.of({}, HERE, 2).words() == ["--workers", "2", "--overlay", "vxlan"]


def test_words_change_what_they_name():
    assert Shape.of({"overlay": "direct"}, HERE, 3).words() == ["--workers", "3", "--overlay", "direct"]
    assert Shape.of({"workers": 1}, HERE, 3) == Shape.of({}, HERE, 1)


def test_a_file_lies_beside_the_test():
    assert Shape.of({"file": "../lab.yaml"}, HERE, 2).words() == ["-f", "/somewhere/lab.yaml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"worker": 3}, "no worker; it takes file, overlay, workers"),
        ({"file": "lab.yaml", "workers": 3}, "file says it all"),
    ],
)
def test_words_that_mean_nothing_are_named(words, said):
    with pytest.raises(pytest.UsageError, match=said):
        Shape.of(words, HERE, 2)
