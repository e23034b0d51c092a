"""Waiting for a condition: its value, its patience, and what it says when it gives up."""

import pytest

from control.testkit.until import until


def test_the_value_is_the_first_true_one():
    values = iter([0, "", None, "ready"])
    assert until(lambda: next(values)) == "ready"


def test_while_it_raises_what_may_pass_it_is_not_true_yet():
    troubles = iter([ConnectionRefusedError(), KeyError("podIP"), AssertionError("not Ready")])

    def condition() -> bool:
        for trouble in troubles:
            raise trouble
        return True

    assert until(condition) is True


def test_another_error_is_not_waited_for():
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 / 0)


def test_giving_up_tells_the_claim_and_the_last_reason():
    def condition() -> bool:
        raise AssertionError("2 of 3 ready")

    with pytest.raises(AssertionError, match=r"not within 0.05 s: the shop is open; last: .*2 of 3 ready"):
        until(condition, 0.05, what="the shop is open")
