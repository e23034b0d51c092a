"""A pod in outline says the same to policies as the whole object."""

import orjson
import pytest

from control.agents.translate.pod_outline import parse_pod_event
from control.agents.translate.world import pod_facts

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web", "namespace": "shop", "uid": "u-1", "resourceVersion": "7", "labels": {"app": "web"},
        "annotations": {"a": "b"}, "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
    },
    "spec": {
        "nodeName": "node-1",
        "hostNetwork": True,
        "containers": [{"name": "main", "image": "x", "ports": [{"name": "http", "containerPort": 8080}]}],
        "initContainers": [
            {"name": "side", "restartPolicy": "Always", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]}
        ],
    },
    "status": {"phase": "Succeeded", "podIP": "10.1.0.2", "podIPs": [{"ip": "10.1.0.2"}, {"ip": "fd00::2"}]},
}  # fmt: skip
BARE = {"metadata": {"name": "web", "namespace": "shop", "uid": "u-1"}, "spec": {"containers": None}}


@pytest.mark.parametrize("pod", [POD, {**POD, "status": {}}, BARE], ids=["full", "no status", "bare"])
def test_policies_are_judged_by_the_same_facts(pod):
    line = orjson.dumps({"type": "MODIFIED", "object": pod})
    event = parse_pod_event(line)
    assert event["type"] == "MODIFIED"
    assert pod_facts(event["object"]) == pod_facts(pod)


def test_what_policies_do_not_look_at_is_not_there():
    outline = parse_pod_event(orjson.dumps({"type": "ADDED", "object": POD}))["object"]
    assert "managedFields" not in outline["metadata"]
    assert "image" not in outline["spec"]["containers"][0]


def test_a_bookmark_keeps_its_annotations():
    meta = {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}
    line = orjson.dumps({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": meta}})
    assert parse_pod_event(line)["object"]["metadata"] == meta


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "m"}},
        {"type": "ADDED", "object": {"metadata": {"name": 7}, "spec": {"x": 1}}},
    ],
    ids=["an error", "fields of other types"],
)
def test_what_has_another_shape_comes_whole(event):
    assert parse_pod_event(orjson.dumps(event)) == event
