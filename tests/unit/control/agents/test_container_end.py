"""What a terminated state says: of an end that was seen, and of one that was not."""

from datetime import UTC, datetime

from control.agents.container_end import lost_end, lost_record, terminated_state
from control.workload.request import ContainerRecord

RUNS = ContainerRecord("f00", "uid-1", "node-1", "main", 0, 77, "command", 1.0, 0.0, None, 0, "{}")


def test_a_code_of_its_own_is_completed_or_an_error():
    assert terminated_state(RUNS, 0)["reason"] == "Completed"
    state = terminated_state(RUNS, 7)
    assert (state["reason"], state["exitCode"], state["containerID"]) == ("Error", 7, "podwire://f00")
    assert "message" not in state


def test_an_end_that_nobody_saw_is_told_as_unknown():
    state = terminated_state(lost_record(RUNS), 137)
    assert state["reason"] == "ContainerStatusUnknown"
    assert "could not be located" in state["message"]


def test_without_a_record_the_last_status_is_what_is_known():
    had = {"containerID": "podwire://f00", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    state = lost_end(had, datetime(2026, 1, 2, tzinfo=UTC))
    assert state["startedAt"] == "2026-01-01T00:00:00Z"
    assert state["finishedAt"].startswith("2026-01-02T")
    assert (state["exitCode"], state["reason"]) == (137, "ContainerStatusUnknown")
