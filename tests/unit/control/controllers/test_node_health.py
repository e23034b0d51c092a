"""Silence, taints and tolerations of nodes."""

import pytest

from control.controllers.node_health import (
    NOT_READY,
    UNREACHABLE,
    seconds_tolerated,
    unknown_conditions,
    wanted_taints,
    zone_state,
)


def node(ready="True", *, taints=(), **spec):
    conditions = (
        [{"type": "Ready", "status": ready, "lastHeartbeatTime": "2026-01-01T00:00:00Z"}] if ready else []
    )
    return {
        "metadata": {"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"taints": list(taints), **spec},
        "status": {"conditions": conditions},
    }


def keys(taints):
    return {(t["key"], t["effect"]) for t in taints}


OWN = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("ready", "evict", "want"),
    [
        ("True", None, set()),
        ("False", True, {(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")}),
        ("Unknown", True, {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}),
        ("Unknown", False, {(UNREACHABLE, "NoSchedule")}),
        ("", None, set()),
    ],
)
def test_taints_follow_readiness_and_leave_other_taints_alone(ready, evict, want):
    assert keys(wanted_taints(node(ready, taints=[OWN]), evict=evict, now=0)) == want | {
        ("gpu", "NoSchedule")
    }


def test_a_taint_keeps_the_time_at_which_it_was_added():
    first = wanted_taints(node("Unknown"), evict=True, now=100)
    second = wanted_taints(node("Unknown", taints=first), evict=True, now=900)

    assert second == first


def test_a_node_that_turns_from_not_ready_to_unknown_changes_its_taint():
    before = wanted_taints(node("False"), evict=True, now=100)

    after = wanted_taints(node("Unknown", taints=before), evict=True, now=200)

    assert keys(after) == {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}


def test_a_healthy_node_loses_all_our_taints():
    before = wanted_taints(node("Unknown", taints=[OWN]), evict=True, now=100)

    assert wanted_taints(node("True", taints=before), evict=None, now=200) == [OWN]


def test_a_cordoned_node_is_tainted():
    taints = wanted_taints(node(unschedulable=True), evict=None, now=0)

    assert keys(taints) == {("node.kubernetes.io/unschedulable", "NoSchedule")}


def test_a_silent_node_is_unknown_in_all_that_its_kubelet_posts():
    conditions = {c["type"]: c for c in unknown_conditions(node("True"), 60)}

    assert set(conditions) == {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}
    assert {c["status"] for c in conditions.values()} == {"Unknown"}
    assert conditions["Ready"]["reason"] == "NodeStatusUnknown"
    assert conditions["Ready"]["message"] == "Kubelet stopped posting node status."
    assert conditions["Ready"]["lastHeartbeatTime"] == "2026-01-01T00:00:00Z"
    assert conditions["PIDPressure"]["reason"] == "NodeStatusNeverUpdated"


@pytest.mark.parametrize(
    ("states", "all_lost", "partly_lost"),
    [
        (["True", "True", "Unknown"], False, False),
        (["True", "Unknown", "Unknown"], False, False),
        (["Unknown", "Unknown", "Unknown"], True, True),
        (["True", "True", "Unknown", "Unknown", "Unknown"], False, True),
    ],
)
def test_evictions_stop_when_it_is_rather_the_observer_that_is_cut_off(states, all_lost, partly_lost):
    state = zone_state({str(i): node(ready) for i, ready in enumerate(states)})

    assert (state.all_lost, state.partly_lost) == (all_lost, partly_lost)


TAINT = {"key": UNREACHABLE, "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("tolerations", "want"),
    [
        ([], 0.0),
        ([{"operator": "Exists"}], None),
        (
            [{"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            300.0,
        ),
        ([{"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": -5}], 0.0),
        (
            [
                {"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": 300},
                {"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": 30},
            ],
            30.0,
        ),
        ([{"key": NOT_READY, "operator": "Exists"}], 0.0),
    ],
)
def test_a_pod_stays_as_long_as_it_tolerates(tolerations, want):
    assert seconds_tolerated(tolerations, [TAINT]) == want
