"""A StatefulSet: order up, order down, one at a time."""

import pytest

from control.controllers.controller_revision import HASH
from control.controllers.statefulset_plan import Revisions, claims_of, numbered_pod, plan, status

NOW = 1_800_000_000.0
NEW = Revisions("v1", "v1")
ROLLING = Revisions("v1", "v2")


def stateful_set(replicas=3, *, policy="OrderedReady", partition=0, start=0, **spec):
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c"}]}}
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    return {
        "metadata": {"name": "db", "namespace": "shop", "uid": "sts"},
        "spec": {
            "replicas": replicas,
            "template": template,
            "serviceName": "db",
            "podManagementPolicy": policy,
            "updateStrategy": update,
            "ordinals": {"start": start},
            **spec,
        },
    }


def pod(ordinal, *, ready=True, revision="v1", phase="Running", deleted=False):
    metadata = {"name": f"db-{ordinal}", "uid": str(ordinal), "labels": {HASH: revision}}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase, "conditions": conditions}}


def pods(*each):
    return {int(p["metadata"]["uid"]): p for p in each}


def names(found):
    return [p["metadata"]["name"] for p in found]


@pytest.mark.parametrize(
    ("there", "create"),
    [
        ([], [0]),
        ([pod(0)], [1]),
        ([pod(0, ready=False)], []),
        ([pod(0), pod(1, deleted=True)], []),
        ([pod(1), pod(2)], [0]),
        ([pod(0), pod(1), pod(2)], []),
    ],
)
def test_each_pod_waits_for_the_one_before_it(there, create):
    assert [ordinal for ordinal, _ in plan(stateful_set(), pods(*there), NEW, NOW).create] == create


def test_in_parallel_all_start_and_stop_at_once():
    parallel = stateful_set(3, policy="Parallel")
    assert [o for o, _ in plan(parallel, pods(pod(0, ready=False)), NEW, NOW).create] == [1, 2]

    smaller = stateful_set(1, policy="Parallel")
    assert names(plan(smaller, pods(pod(0), pod(1), pod(2)), NEW, NOW).delete) == ["db-2", "db-1"]


def test_going_down_the_highest_number_goes_first_and_alone():
    assert names(plan(stateful_set(1), pods(pod(0), pod(1), pod(2)), NEW, NOW).delete) == ["db-2"]
    assert names(plan(stateful_set(1), pods(pod(0), pod(1), pod(2, deleted=True)), NEW, NOW).delete) == []


def test_numbering_may_begin_elsewhere():
    assert [o for o, _ in plan(stateful_set(2, start=5), {}, NEW, NOW).create] == [5]


def test_a_pod_that_has_ended_is_made_anew():
    assert names(plan(stateful_set(2), pods(pod(0, phase="Failed"), pod(1)), NEW, NOW).delete) == ["db-0"]


@pytest.mark.parametrize(
    ("there", "partition", "delete"),
    [
        ([pod(0), pod(1), pod(2)], 0, ["db-2"]),
        ([pod(0), pod(1), pod(2, revision="v2", ready=False)], 0, []),
        ([pod(0), pod(1), pod(2, revision="v2")], 0, ["db-1"]),
        ([pod(0), pod(1), pod(2, revision="v2")], 2, []),
    ],
)
def test_an_update_goes_from_the_highest_number_to_the_partition(there, partition, delete):
    assert names(plan(stateful_set(partition=partition), pods(*there), ROLLING, NOW).delete) == delete


def test_a_lost_pod_below_the_partition_comes_back_as_it_was():
    got = plan(stateful_set(partition=2), pods(pod(0)), ROLLING, NOW)
    above = plan(stateful_set(partition=1), pods(pod(0)), ROLLING, NOW)

    assert (got.create, above.create) == ([(1, "v1")], [(1, "v2")])


def test_a_pod_has_a_name_a_hostname_and_a_claim_of_its_own():
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    owner = stateful_set(volumeClaimTemplates=[claim])
    made = numbered_pod(owner, owner["spec"]["template"], 1, "db-abc")

    assert made["metadata"]["name"] == "db-1"
    assert (made["spec"]["hostname"], made["spec"]["subdomain"]) == ("db-1", "db")
    assert made["metadata"]["labels"] == {
        "app": "db",
        HASH: "db-abc",
        "statefulset.kubernetes.io/pod-name": "db-1",
        "apps.kubernetes.io/pod-index": "1",
    }
    assert made["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}]
    assert [c["metadata"]["name"] for c in claims_of(owner, 1)] == ["data-db-1"]


def test_status_names_both_revisions_until_all_pods_are_of_the_new_one():
    half = status(stateful_set(2), [pod(0), pod(1, revision="v2")], ROLLING, NOW)
    assert (half["currentRevision"], half["updateRevision"]) == ("v1", "v2")
    assert (half["currentReplicas"], half["updatedReplicas"]) == (1, 1)

    done = status(stateful_set(1), [pod(0, revision="v2")], ROLLING, NOW)
    assert (done["currentRevision"], done["currentReplicas"]) == ("v2", 1)
