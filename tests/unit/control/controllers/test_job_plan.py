"""A Job, step by step."""

import pytest

from control.controllers.job_plan import Tally, plan
from control.controllers.metadata import timestamp_of

NOW = 1_800_000_000.0


def job(*, status=None, **spec):
    template = {"metadata": {}, "spec": {"containers": [{"name": "c"}], "restartPolicy": "Never"}}
    metadata = {"name": "j", "namespace": "shop", "uid": "job"}
    return {"metadata": metadata, "spec": {"template": template, **spec}, "status": status or {}}


def pod(name, phase="Running", *, ended_s_ago=0.0, deleted=False, index=None):
    metadata = {"name": name, "namespace": "shop", "uid": name, "annotations": {}}
    if deleted:
        metadata["deletionTimestamp"] = timestamp_of(NOW)
    if index is not None:
        metadata["annotations"]["batch.kubernetes.io/job-completion-index"] = str(index)
    ended = {"state": {"terminated": {"finishedAt": timestamp_of(NOW - ended_s_ago)}}}
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase, "containerStatuses": [ended]}}


def counted(pods):
    return Tally(*(sum(p["status"]["phase"] == phase for p in pods) for phase in ("Succeeded", "Failed")))


def step(obj, *pods):
    return plan(obj, pods, counted(pods), NOW)


def reasons(step):
    return {c["type"]: c["reason"] for c in step.status.get("conditions", []) if c["status"] == "True"}


@pytest.mark.parametrize(
    ("spec", "pods", "want"),
    [
        ({"completions": 5, "parallelism": 2}, [], 2),
        ({"completions": 5, "parallelism": 2}, [pod("a")], 1),
        ({"completions": 2, "parallelism": 5}, [], 2),
        ({"completions": 2, "parallelism": 5}, [pod("a", "Succeeded")], 1),
        ({"parallelism": 3}, [], 3),
        ({"parallelism": 3}, [pod("a", "Succeeded"), pod("b")], 0),
        ({"completions": 1, "parallelism": 1, "suspend": True}, [], 0),
        ({"completions": 1, "parallelism": 1}, [pod("a", deleted=True)], 1),
        ({"completions": 1, "parallelism": 1, "podReplacementPolicy": "Failed"}, [pod("a", deleted=True)], 0),
    ],
)
def test_so_many_pods_are_started(spec, pods, want):
    assert len(step(job(**spec), *pods).create) == want


def test_a_failed_pod_is_replaced_after_a_back_off_that_doubles():
    spec = {"completions": 1, "parallelism": 1}
    at_once = step(job(**spec), pod("a", "Failed", ended_s_ago=4))
    later = step(job(**spec), pod("a", "Failed", ended_s_ago=11))
    twice = step(job(**spec), pod("a", "Failed", ended_s_ago=30), pod("b", "Failed", ended_s_ago=11))

    assert (at_once.create, at_once.again_s) == ([], 6)
    assert len(later.create) == 1
    assert (twice.create, twice.again_s) == ([], 9)


def test_at_its_limit_it_fails_once_no_pod_runs():
    spec = {"completions": 2, "parallelism": 2, "backoffLimit": 0}
    first = step(job(**spec), pod("a", "Failed"), pod("b"))
    assert reasons(first) == {"FailureTarget": "BackoffLimitExceeded"}
    assert [p["metadata"]["name"] for p in first.delete] == ["b"]

    second = step(job(**spec, status=first.status), pod("a", "Failed"))
    assert reasons(second) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}


def test_enough_successes_complete_it():
    done = step(job(completions=2, parallelism=2), pod("a", "Succeeded"), pod("b", "Succeeded"))

    assert reasons(done) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert done.status["completionTime"] == timestamp_of(NOW)


def test_a_deadline_ends_it():
    started = {"startTime": timestamp_of(NOW - 100)}
    running = step(job(completions=1, activeDeadlineSeconds=160, status=started), pod("a"))
    over = step(job(completions=1, activeDeadlineSeconds=90, status=started), pod("a"))

    assert (running.delete, running.again_s) == ([], 60)
    assert reasons(over) == {"FailureTarget": "DeadlineExceeded"}


def test_suspending_stops_its_pods_and_resuming_starts_its_clock_anew():
    stopped = step(job(completions=1, suspend=True, status={"startTime": timestamp_of(0)}), pod("a"))
    assert (len(stopped.delete), reasons(stopped)) == (1, {"Suspended": "JobSuspended"})
    assert "startTime" not in stopped.status

    resumed = step(job(completions=1, parallelism=1, status=stopped.status))
    assert (len(resumed.create), resumed.status["startTime"]) == (1, timestamp_of(NOW))


def test_an_indexed_job_starts_the_lowest_free_numbers():
    spec = {"completions": 4, "parallelism": 3, "completionMode": "Indexed"}

    got = step(job(**spec), pod("a", "Succeeded", index=0), pod("b", index=2))

    assert [p["metadata"]["generateName"] for p in got.create] == ["j-1-", "j-3-"]
    assert got.create[0]["spec"]["hostname"] == "j-1"
    assert got.create[0]["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
    assert got.status["completedIndexes"] == "0"


def test_a_finished_job_is_removed_after_its_time_to_live():
    complete = [{"type": "Complete", "status": "True", "lastTransitionTime": timestamp_of(NOW - 50)}]

    early = step(job(ttlSecondsAfterFinished=60, status={"conditions": complete}))
    late = step(job(ttlSecondsAfterFinished=40, status={"conditions": complete}))

    assert (early.remove, early.again_s, late.remove) == (False, 10, True)
