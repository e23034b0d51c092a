"""What a pretended kubelet says of pods."""

from typing import Any

import pytest

from control.alone.fake_status import Script, Stage, fake_status, script_of

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def pod(policy: str = "Always", owner: str = "", **annotations: str) -> dict[str, Any]:
    notes = {f"podwire.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    owners = [{"kind": owner, "name": "o", "uid": "u", "controller": True}] if owner else []
    meta = {
        "name": "p",
        "namespace": "default",
        "annotations": notes,
        "ownerReferences": owners,
        "generation": 1,
    }
    containers = [{"name": "main", "image": "a:1"}, {"name": "side", "image": "b:1"}]
    return {
        "metadata": meta,
        "spec": {"restartPolicy": policy, "containers": containers, "nodeName": "fake-1"},
    }


def at(one: dict[str, Any], now: str, *, ended: bool = False) -> dict[str, Any]:
    return fake_status(one, Stage("10.244.0.2", "198.18.0.1", script_of(one), ended=ended, now=now))


def conditions(status: dict[str, Any]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in status["conditions"]}


def test_a_pod_runs_and_is_ready() -> None:
    status = at(pod(), EARLY)
    assert (status["phase"], status["podIP"], status["hostIP"]) == ("Running", "10.244.0.2", "198.18.0.1")
    assert conditions(status)["Ready"] == "True"
    assert all(one["ready"] and one["started"] for one in status["containerStatuses"])


def test_a_second_look_changes_nothing() -> None:
    one = pod()
    status = at(one, EARLY)
    assert at({**one, "status": status}, LATE) == status


def test_conditions_of_others_stay() -> None:
    one = pod()
    gate = {"type": "example.com/gate", "status": "True", "lastTransitionTime": EARLY}
    assert gate in at({**one, "status": {"conditions": [gate]}}, LATE)["conditions"]


def test_a_hook_of_a_chart_succeeds() -> None:
    for policy, code in (("Never", 0), ("Always", None)):
        hook = pod(policy)
        hook["metadata"].setdefault("annotations", {})["helm.sh/hook"] = "test"
        assert script_of(hook).exit_code == code


def test_a_pod_of_a_job_succeeds_and_any_other_runs_for_ever() -> None:
    assert script_of(pod("Never", owner="Job")).exit_code == 0
    assert script_of(pod(owner="ReplicaSet")).exit_code is None
    assert script_of(pod("Never", owner="Job", exit_code="3")).exit_code == 3


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [
        ("Never", "0", "Succeeded"),
        ("Never", "1", "Failed"),
        ("OnFailure", "0", "Succeeded"),
        ("OnFailure", "1", "Running"),
        ("Always", "0", "Running"),
        ("Always", "1", "Running"),
    ],
)
def test_a_pod_that_ends_is_what_its_restart_policy_makes_of_it(policy: str, code: str, phase: str) -> None:
    one = pod(policy, exit_code=code)
    one["status"] = at(one, EARLY)
    status = at(one, LATE, ended=True)
    (main, _) = status["containerStatuses"]
    assert status["phase"] == phase
    assert conditions(status)["Ready"] == "False"
    if phase == "Running":
        assert main["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert main["lastState"]["terminated"]["exitCode"] == int(code)
        assert main["restartCount"] == 1
    else:
        end = main["state"]["terminated"]
        assert (end["exitCode"], end["startedAt"], end["finishedAt"]) == (int(code), EARLY, LATE)


def test_init_containers_are_through_and_sidecars_run() -> None:
    one = pod()
    one["spec"]["initContainers"] = [
        {"name": "once", "image": "i"},
        {"name": "proxy", "image": "i", "restartPolicy": "Always"},
    ]
    status = at(one, EARLY)
    once, proxy = status["initContainerStatuses"]
    assert once["state"]["terminated"]["exitCode"] == 0
    assert "running" in proxy["state"]
    assert status["phase"] == "Running"
    assert conditions(status)["Initialized"] == "True"


def test_readiness_can_be_taken_away() -> None:
    status = at(pod(ready="false"), EARLY)
    assert status["phase"] == "Running"
    assert conditions(status)["Ready"] == "False"


@pytest.mark.parametrize("note", ["exit_code", "exit_after", "stop_after"])
@pytest.mark.parametrize("value", ["soon", "-1", "1e9"])
def test_an_annotation_that_is_no_number_is_named(note: str, value: str) -> None:
    with pytest.raises(ValueError, match=note.replace("_", "-")):
        script_of(pod(**{note: value}))


def test_times_are_read() -> None:
    assert script_of(pod(exit_code="0", exit_after="1.5", stop_after="2")) == Script(0, 1.5, 2.0, ready=True)
