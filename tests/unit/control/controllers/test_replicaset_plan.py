"""A ReplicaSet's pods: how many more, whom to delete, what its status says."""

from datetime import UTC, datetime

import pytest

from control.controllers.pod_state import deletion_order
from control.controllers.replicaset_plan import new_pod, plan, seconds_to_available, slow_start, status

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC).timestamp()


def pod(name, *, ready="2026-01-01T00:00:00Z", phase="Running", node="n1", **extra):
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": ready}]
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": name,
        "labels": {"app": "web"},
        "creationTimestamp": extra.get("created", "2026-01-01T00:00:00Z"),
        "annotations": {"controller.kubernetes.io/pod-deletion-cost": extra.get("cost", "0")},
    }
    if extra.get("deleted"):
        metadata["deletionTimestamp"] = "2026-01-01T00:30:00Z"
    restarts = [{"restartCount": extra.get("restarts", 0)}]
    return {
        "metadata": metadata,
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": restarts},
    }


def replica_set(replicas, **spec):
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}
    metadata = {"name": "web-abc", "namespace": "shop", "uid": "rs", "generation": 4}
    selector = {"matchLabels": {"app": "web"}}
    return {
        "metadata": metadata,
        "spec": {"replicas": replicas, "template": template, "selector": selector, **spec},
    }


def test_missing_pods_are_created_and_surplus_ones_deleted():
    pods = [pod("a"), pod("b"), pod("gone", deleted=True), pod("ended", phase="Failed")]

    more, fewer = plan(replica_set(5), pods, pods, NOW), plan(replica_set(1), pods, pods, NOW)

    assert (more.create, more.delete) == (3, [])
    assert (fewer.create, len(fewer.delete)) == (0, 1)


def test_one_step_makes_at_most_500_pods():
    assert plan(replica_set(900), [], [], NOW).create == 500


def test_nothing_is_made_for_a_replica_set_that_is_being_deleted():
    dying = replica_set(3)
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:30:00Z"

    assert plan(dying, [], [], NOW).create == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pod("x", node=""), pod("y", phase="Pending", ready="")),
        (pod("x", phase="Pending", ready=""), pod("y", ready="")),
        (pod("x", ready=""), pod("y", cost="-5")),
        (pod("x", cost="-5"), pod("y", node="crowded")),
        (pod("x", node="crowded"), pod("y", ready="2026-01-01T00:59:00Z")),
        (pod("x", ready="2026-01-01T00:59:00Z"), pod("y", restarts=9)),
        (pod("x", restarts=9), pod("y", created="2026-01-01T00:59:00Z")),
        (pod("x", created="2026-01-01T00:59:00Z"), pod("y")),
    ],
)
def test_of_two_pods_the_first_is_deleted_first(first, second):
    rank = {"n1": 1, "crowded": 3}

    assert [p["metadata"]["name"] for p in deletion_order([second, first], rank, NOW)] == ["x", "y"]


def test_ready_for_nearly_as_long_counts_as_equally_long():
    old, newer = (
        pod("old", ready="2026-01-01T00:20:00Z"),
        pod("newer", ready="2026-01-01T00:25:00Z", restarts=1),
    )

    assert [p["metadata"]["name"] for p in deletion_order([old, newer], {}, NOW)] == ["newer", "old"]


def test_batches_double_so_that_a_refusal_costs_little():
    assert slow_start(100) == [1, 2, 4, 8, 16, 32, 37]


def test_a_new_pod_is_named_and_owned_after_its_replica_set():
    made = new_pod(replica_set(1), "apps/v1", "ReplicaSet")

    assert made["metadata"]["generateName"] == "web-abc-"
    assert made["metadata"]["labels"] == {"app": "web"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (
        "ReplicaSet", "rs", True, True,
    )  # fmt: skip


def test_status_counts_active_ready_and_available_pods():
    pods = [pod("a"), pod("b", ready="2026-01-01T00:59:55Z"), pod("c", ready=""), pod("d", deleted=True)]

    got = status(replica_set(3, minReadySeconds=10), pods, "", NOW)

    assert got == {
        "replicas": 3,
        "terminatingReplicas": 1,
        "fullyLabeledReplicas": 3,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "observedGeneration": 4,
    }
    assert seconds_to_available(replica_set(3, minReadySeconds=10), pods, NOW) == 5


def test_a_refusal_stands_in_the_status_until_all_goes_well():
    refused = status(replica_set(3), [], "quota exceeded", NOW)
    condition = refused["conditions"][0]

    assert (condition["type"], condition["reason"], condition["message"]) == (
        "ReplicaFailure", "FailedCreate", "quota exceeded",
    )  # fmt: skip
    later = status({**replica_set(3), "status": refused}, [pod("a")], "", NOW)
    assert "conditions" not in later
