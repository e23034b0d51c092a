"""One factor for all waits."""

import pytest

from dataplane.patience import VARIABLE, factor, patient


def test_nothing_said_is_the_usual_wait(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert patient(2.0) == 2.0


def test_a_factor_stretches_every_wait(monkeypatch):
    monkeypatch.setenv(VARIABLE, "20")
    assert patient(0.5) == 10.0


@pytest.mark.parametrize("said", ["soon", "0.5", "-3", "nan", "inf", "1001"])
def test_what_is_no_factor_is_told_apart_and_stretches_nothing(monkeypatch, said):
    monkeypatch.setenv(VARIABLE, said)
    assert factor() is None
    assert patient(5.0) == 5.0
