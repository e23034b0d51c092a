"""Commands that go round until they are told to end."""

import os
import signal

import pytest

from control.cli.told import rounds, until_told


def test_it_ends_when_its_time_is_over():
    with rounds(0.05) as again:
        assert sum(1 for _ in again) > 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_handler_is_put_back(number):
    before = signal.getsignal(number)
    with rounds(60) as again:
        for count, _ in enumerate(again):
            assert count < 1, "it went on after the signal"
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_the_descriptor_is_closed():
    with until_told() as told:
        os.fstat(told)
    with pytest.raises(OSError):
        os.fstat(told)
