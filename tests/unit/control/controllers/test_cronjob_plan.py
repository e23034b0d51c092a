"""A CronJob, step by step, at times of the test's own."""

from datetime import UTC, datetime

import pytest

from control.controllers.cronjob_plan import plan

MADE = "2026-01-01T00:00:30Z"


def at(text):
    return datetime.fromisoformat(f"2026-01-01T{text}+00:00").timestamp()


def cron(*, status=None, **spec):
    template = {"metadata": {"labels": {"of": "c"}}, "spec": {"template": {}}}
    metadata = {"name": "c", "namespace": "shop", "uid": "cron", "creationTimestamp": MADE}
    return {
        "metadata": metadata,
        "spec": {"schedule": "*/5 * * * *", "jobTemplate": template, **spec},
        "status": status or {},
    }


def job(name, ended="", completed="2026-01-01T00:07:00Z"):
    status = {"startTime": name, "completionTime": completed} if ended else {}
    if ended:
        status["conditions"] = [{"type": ended, "status": "True"}]
    return {"metadata": {"name": name, "namespace": "shop", "uid": name}, "spec": {}, "status": status}


def active(*names):
    return {
        "active": [{"name": name, "uid": name} for name in names],
        "lastScheduleTime": "2026-01-01T00:05:00Z",
    }


def reasons(step):
    return [reason for _, reason, _ in step.events]


def test_before_the_first_time_it_waits():
    step = plan(cron(), [], at("00:01:00"))
    assert (step.create, step.again_s) == (None, 240)


def test_at_its_time_a_job_begins_whose_name_tells_the_minute():
    step = plan(cron(), [], at("00:05:00"))
    made = step.create
    assert made is not None
    assert made["metadata"]["name"] == f"c-{int(datetime(2026, 1, 1, 0, 5, tzinfo=UTC).timestamp()) // 60}"
    assert made["metadata"]["labels"] == {"of": "c"}
    assert made["metadata"]["annotations"] == {
        "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T00:05:00Z"
    }
    assert made["metadata"]["ownerReferences"][0]["uid"] == "cron"
    assert step.status["lastScheduleTime"] == "2026-01-01T00:05:00Z"
    assert step.again_s == 300


def test_the_same_time_is_never_begun_twice():
    step = plan(cron(status={"lastScheduleTime": "2026-01-01T00:05:00Z"}), [], at("00:05:01"))
    assert step.create is None


@pytest.mark.parametrize(
    ("policy", "made", "deleted"), [("Allow", True, []), ("Forbid", False, []), ("Replace", True, ["a"])]
)
def test_while_a_job_runs_the_policy_decides(policy, made, deleted):
    step = plan(cron(concurrencyPolicy=policy, status=active("a")), [job("a")], at("00:10:00"))
    assert (step.create is not None) == made
    assert [one["metadata"]["name"] for one in step.delete] == deleted
    assert ("JobAlreadyActive" in reasons(step)) == (policy == "Forbid")


def test_asleep_it_begins_nothing_and_still_counts():
    step = plan(cron(suspend=True, status=active("a")), [job("a", "Complete")], at("00:10:00"))
    assert (step.create, step.again_s) == (None, None)
    assert "active" not in step.status
    assert step.status["lastSuccessfulTime"] == "2026-01-01T00:07:00Z"


def test_too_late_is_missed():
    step = plan(cron(startingDeadlineSeconds=20), [], at("00:05:21"))
    assert step.create is None
    step = plan(cron(startingDeadlineSeconds=20, status={"lastScheduleTime": MADE}), [], at("00:05:19"))
    assert step.create is not None


def test_after_a_long_sleep_only_the_last_time_counts():
    step = plan(cron(schedule="* * * * *"), [], at("20:00:10"))
    assert step.create is not None
    assert step.status["lastScheduleTime"] == "2026-01-01T20:00:00Z"
    assert reasons(step) == ["TooManyMissedTimes"]


def test_ended_jobs_beyond_the_limits_go_the_oldest_first():
    jobs = [job(name, "Complete") for name in "abcde"] + [job(name, "Failed") for name in "xy"]
    step = plan(cron(successfulJobsHistoryLimit=2), jobs, at("00:01:00"))
    assert [one["metadata"]["name"] for one in step.delete] == ["a", "b", "c", "x"]


def test_a_job_that_is_gone_is_told():
    step = plan(cron(status=active("a")), [], at("00:06:00"))
    assert reasons(step) == ["MissingJob"]
    assert "active" not in step.status


def test_a_zone_that_nobody_knows_is_told():
    assert reasons(plan(cron(timeZone="Mars/Olympus"), [], at("00:06:00"))) == ["UnknownTimeZone"]
