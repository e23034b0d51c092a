"""What a controller waits to see before it acts again."""

import pytest

from control.controllers.expectations import TIMEOUT_S, Expectations


@pytest.fixture
def expected():
    return Expectations()


def test_who_expects_nothing_may_act(expected):
    assert expected.satisfied("rs", 0)


def test_creations_are_counted_as_they_are_seen(expected):
    expected.expect_creations("rs", 2, 0)
    expected.created("rs")
    assert not expected.satisfied("rs", 1)

    expected.created("rs")
    assert expected.satisfied("rs", 1)


def test_a_pod_that_was_expected_to_go_is_counted_once(expected):
    expected.expect_deletions("rs", ["a", "b"], 0)
    expected.deleted("rs", "a")
    expected.deleted("rs", "a")
    assert not expected.satisfied("rs", 1)

    expected.deleted("rs", "b")
    assert expected.satisfied("rs", 1)


def test_a_lost_event_holds_nobody_up_for_ever(expected):
    expected.expect_creations("rs", 1, 0)

    assert not expected.satisfied("rs", TIMEOUT_S)
    assert expected.satisfied("rs", TIMEOUT_S + 1)


def test_owners_do_not_wait_for_each_other(expected):
    expected.expect_creations("one", 1, 0)
    expected.created("other")

    assert expected.satisfied("other", 0)
    assert not expected.satisfied("one", 0)
