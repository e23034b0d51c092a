"""Phases and conditions from container states."""

import pytest

from control.agents.pod_status import PodFacts, phase_of, status_of

RUN = {"running": {"startedAt": "t"}}
WAIT = {"waiting": {"reason": "ContainerCreating"}}
NOW = "2026-01-01T00:00:00Z"


def end(code):
    return {"terminated": {"exitCode": code}}


def status(state, name="c", last=None, **fields):
    return {
        "name": name,
        "state": state,
        "lastState": last or {},
        "ready": state == RUN,
        "started": state == RUN,
        **fields,
    }


def facts(*states, init=(), policy="Always", final=False, **fields):
    pod = {
        "metadata": {"name": "p", "generation": 3},
        "spec": {
            "restartPolicy": policy,
            "initContainers": [
                {"name": s["name"], **({"restartPolicy": "Always"} if s.get("side") else {})} for s in init
            ],
        },
    }
    containers = [s if "name" in s else status(s, f"c{n}") for n, s in enumerate(states)]
    base = {
        "addresses": ("10.244.1.2",),
        "node_addresses": ("10.0.1.10",),
        "sandboxed": True,
        "start_time": NOW,
    }
    return PodFacts(pod=pod, init=init, containers=containers, final=final, **{**base, **fields})


@pytest.mark.parametrize(
    ("states", "policy", "phase"),
    [
        ([WAIT], "Always", "Pending"),
        ([RUN, WAIT], "Always", "Pending"),
        ([RUN], "Always", "Running"),
        ([RUN, end(0)], "Never", "Running"),
        ([end(0), end(0)], "Never", "Succeeded"),
        ([end(0), end(1)], "Never", "Failed"),
        ([end(0)], "OnFailure", "Succeeded"),
        ([end(1)], "OnFailure", "Running"),
        ([end(0)], "Always", "Running"),
        ([end(1)], "Always", "Running"),
    ],
)
def test_the_phase_of_a_pod(states, policy, phase):
    assert phase_of(facts(*states, policy=policy)) == phase


def test_a_container_that_backs_off_counts_as_ended_not_as_waiting():
    backing = status({"waiting": {"reason": "CrashLoopBackOff"}}, last=end(1))
    assert phase_of(facts(backing)) == "Running"


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (137, "Failed")])
def test_a_deleted_pod_ends_in_a_final_phase(code, phase):
    assert phase_of(facts(end(code), final=True)) == phase


@pytest.mark.parametrize(
    ("init", "policy", "phase"),
    [
        ([status(RUN, "i")], "Always", "Pending"),
        ([status(end(0), "i"), status(WAIT, "j")], "Always", "Pending"),
        ([status(end(3), "i")], "Never", "Failed"),
        ([status({"waiting": {"reason": "CrashLoopBackOff"}}, "i", last=end(3))], "Always", "Pending"),
        ([status(WAIT, "i", side=True)], "Always", "Pending"),
    ],
)
def test_init_containers_decide_before_the_others_start(init, policy, phase):
    assert (
        phase_of(facts(status({"waiting": {"reason": "PodInitializing"}}), init=init, policy=policy)) == phase
    )


def conditions(given, had=None):
    return {c["type"]: c for c in status_of(given, had or {}, NOW)["conditions"]}


def test_a_ready_pod_has_every_condition_true():
    found = conditions(facts(RUN))
    assert {kind: c["status"] for kind, c in found.items()} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    assert all(c["observedGeneration"] == 3 for c in found.values())


def test_unready_and_uninitialized_containers_are_named():
    found = conditions(facts(status(RUN, "a", ready=False) | {"ready": False}, status(RUN, "b")))
    assert (found["Ready"]["reason"], found["Ready"]["message"]) == (
        "ContainersNotReady", "containers with unready status: [a]",
    )  # fmt: skip
    found = conditions(facts(status({"waiting": {"reason": "PodInitializing"}}), init=[status(RUN, "i")]))
    assert found["Initialized"]["message"] == "containers with incomplete status: [i]"


def test_a_condition_keeps_the_time_of_its_last_change():
    had = {"Ready": {"type": "Ready", "status": "True", "lastTransitionTime": "before"}}
    assert conditions(facts(RUN), had)["Ready"]["lastTransitionTime"] == "before"
    assert conditions(facts(WAIT), had)["Ready"]["lastTransitionTime"] == NOW


def test_a_readiness_gate_keeps_a_pod_unready_until_its_condition_is_true():
    given = facts(RUN)
    given.pod["spec"]["readinessGates"] = [{"conditionType": "example.com/ok"}]
    found = conditions(given)
    assert (found["Ready"]["status"], found["ContainersReady"]["status"]) == ("False", "True")
    assert found["Ready"]["reason"] == "ReadinessGatesNotReady"
    given.pod["status"] = {"conditions": [{"type": "example.com/ok", "status": "True"}]}
    assert conditions(given)["Ready"]["status"] == "True"


def test_a_completed_pod_is_not_ready_and_says_why():
    found = conditions(facts(end(0), policy="Never"))
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", "PodCompleted")
    assert found["Initialized"]["reason"] == "PodCompleted"


def test_ephemeral_containers_are_told_and_count_for_nothing():
    broken = status(end(1), "debug", ready=False)
    told = status_of(facts(RUN, ephemeral=[broken]), {}, NOW)
    assert told["ephemeralContainerStatuses"] == [broken]
    assert told["phase"] == "Running"
    assert {c["type"]: c["status"] for c in told["conditions"]}["Ready"] == "True"
    assert "ephemeralContainerStatuses" not in status_of(facts(RUN), {}, NOW)
