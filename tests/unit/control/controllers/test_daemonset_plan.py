"""A DaemonSet: which nodes get a pod, and how an update goes round."""

import pytest

from control.controllers.controller_revision import HASH
from control.controllers.daemonset_plan import daemon_pod, plan, runs_on, status, target_of

NOW = 1_800_000_000.0
CONTROL = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def node(name, *taints, **labels):
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": list(taints)}}


def daemon_set(*, unavailable=1, **spec):
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c"}], **spec}}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable}}
    return {
        "metadata": {"name": "d", "namespace": "shop", "uid": "ds", "generation": 1},
        "spec": {"template": template, "updateStrategy": strategy},
    }


def pod(on, *, revision="new", ready=True, phase="Running", name=""):
    return {
        "metadata": {
            "name": name or f"d-{on}",
            "namespace": "shop",
            "uid": name or on,
            "labels": {HASH: revision},
        },
        "spec": {"nodeName": on},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def nodes(*all_nodes):
    return {n["metadata"]["name"]: n for n in all_nodes}


def test_every_node_that_fits_gets_one_pod():
    cluster = nodes(node("cp", CONTROL), node("n1"), node("n2"))

    step = plan(daemon_set(), cluster, [pod("n1")], "new", NOW)

    assert (step.create, step.delete) == (["n2"], [])


@pytest.mark.parametrize(
    ("taint", "want"),
    [
        ({"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}, (True, True)),
        ({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, (True, True)),
        ({"key": "own", "effect": "NoSchedule"}, (False, True)),
        ({"key": "own", "effect": "NoExecute"}, (False, False)),
    ],
)
def test_a_daemon_stays_on_an_ailing_node_but_heeds_taints_of_others(taint, want):
    assert runs_on(daemon_set(), node("n1", taint)) == want


def test_a_node_selector_chooses_the_nodes_and_a_pod_elsewhere_goes():
    cluster = nodes(node("n1", disk="ssd"), node("n2"))

    step = plan(daemon_set(nodeSelector={"disk": "ssd"}), cluster, [pod("n2")], "new", NOW)

    assert (step.create, [p["metadata"]["name"] for p in step.delete]) == (["n1"], ["d-n2"])


def test_a_pod_names_its_node_and_tolerates_what_ails_nodes():
    made = daemon_pod(daemon_set(), "n1", "abc")

    assert target_of(made) == "n1"
    assert made["metadata"]["labels"] == {"app": "d", HASH: "abc"}
    assert {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"} in made[
        "spec"
    ]["tolerations"]


def test_pods_that_have_ended_and_second_pods_are_deleted():
    cluster = nodes(node("n1"), node("n2"))
    pods = [pod("n1", phase="Failed"), pod("n2"), pod("n2", name="second")]

    step = plan(daemon_set(), cluster, pods, "new", NOW)

    assert {p["metadata"]["name"] for p in step.delete} == {"d-n1", "second"}


def test_an_update_takes_one_node_at_a_time_and_useless_pods_at_once():
    cluster = nodes(*(node(f"n{i}") for i in range(4)))
    old = [pod(f"n{i}", revision="old") for i in range(4)]
    assert len(plan(daemon_set(), cluster, old, "new", NOW).delete) == 1
    assert len(plan(daemon_set(unavailable="50%"), cluster, old, "new", NOW).delete) == 2

    broken = [*old[:2], pod("n2", revision="old", ready=False), pod("n3", revision="old", ready=False)]
    gone = {p["metadata"]["name"] for p in plan(daemon_set(), cluster, broken, "new", NOW).delete}
    assert gone == {"d-n2", "d-n3"}


def test_an_update_waits_for_the_new_pod_to_be_ready():
    cluster = nodes(node("n1"), node("n2"))
    pods = [pod("n1", ready=False), pod("n2", revision="old")]

    assert plan(daemon_set(), cluster, pods, "new", NOW).delete == []


def test_status_counts_nodes():
    cluster = nodes(node("cp", CONTROL), node("n1"), node("n2"), node("n3"))
    pods = [pod("cp"), pod("n1"), pod("n2", revision="old", ready=False)]

    assert status(daemon_set(), cluster, pods, "new", NOW) == {
        "currentNumberScheduled": 2,
        "desiredNumberScheduled": 3,
        "numberMisscheduled": 1,
        "numberReady": 1,
        "observedGeneration": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "numberUnavailable": 2,
    }
