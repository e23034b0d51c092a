"""Writes: what the server keeps to itself."""

import copy

import pytest

from control.schema.strategy import prepare_update, qos_class

DEPLOYMENT = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, uid: u1, creationTimestamp: "2024-01-01T00:00:00Z", resourceVersion: "1"}
    spec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: []}}}
    status: {replicas: 5}
"""
SERVICE = """
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec:
      type: NodePort
      clusterIP: 10.96.0.5
      clusterIPs: [10.96.0.5]
      ipFamilies: [IPv4]
      ports: [{name: a, port: 80, nodePort: 30080}, {name: b, port: 81, nodePort: 30081}]
"""


def test_a_new_object_has_no_status_and_generation_one(load):
    obj = load(DEPLOYMENT)
    assert obj["status"] == {}
    assert obj["metadata"]["generation"] == 1


def test_a_node_registers_with_its_status(load):
    node = load("{apiVersion: v1, kind: Node, metadata: {name: n}, status: {capacity: {cpu: 2}}}")
    assert node["status"]["allocatable"] == {"cpu": "2"}


def test_an_update_keeps_status_and_counts_only_changes_of_spec(row, load):
    old = load(DEPLOYMENT)
    old["status"] = {"replicas": 1}
    new = copy.deepcopy(old)
    new["status"] = {"replicas": 9}
    new["metadata"]["labels"] = {"x": "y"}
    new["metadata"].pop("uid")
    prepare_update(row("apps/v1", "Deployment"), new, old)
    assert new["status"] == {"replicas": 1}
    assert (new["metadata"]["generation"], new["metadata"]["uid"]) == (1, "u1")
    new["spec"]["replicas"] = 3
    prepare_update(row("apps/v1", "Deployment"), new, old)
    assert new["metadata"]["generation"] == 2
    assert old["metadata"]["generation"] == 1


def test_a_status_update_changes_nothing_but_status(row, load):
    old = load(DEPLOYMENT)
    new = copy.deepcopy(old)
    new["spec"]["replicas"] = 7
    new["status"] = {"replicas": 1}
    new["metadata"]["annotations"] = {"a": "b"}
    prepare_update(row("apps/v1", "Deployment"), new, old, "status")
    assert new["spec"] == old["spec"]
    assert new["status"] == {"replicas": 1}
    assert new["metadata"]["annotations"] == {"a": "b"}
    assert new["metadata"]["generation"] == 1


def test_a_namespaces_finalizers_change_only_by_finalize(row, load):
    old = load("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
    new = copy.deepcopy(old)
    new["spec"] = {"finalizers": []}
    prepare_update(row("v1", "Namespace"), new, old)
    assert new["spec"] == {"finalizers": ["kubernetes"]}
    new["spec"] = {"finalizers": []}
    prepare_update(row("v1", "Namespace"), new, old, "finalize")
    assert new["spec"] == {"finalizers": []}


def test_a_service_keeps_what_was_allocated_when_the_client_leaves_it_out(row, load):
    old = load(SERVICE)
    new = load(
        "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, ports: [{name: a, port: 80}, {name: c, port: 82}]}}"
    )
    prepare_update(row("v1", "Service"), new, old)
    assert new["spec"]["clusterIPs"] == ["10.96.0.5"]
    assert [port.get("nodePort") for port in new["spec"]["ports"]] == [30080, None]


def test_a_service_that_becomes_a_cluster_ip_loses_its_node_ports(row, load):
    old = load(SERVICE)
    new = copy.deepcopy(old)
    new["spec"]["type"] = "ClusterIP"
    prepare_update(row("v1", "Service"), new, old)
    assert [port.get("nodePort") for port in new["spec"]["ports"]] == [None, None]
    assert "externalTrafficPolicy" not in new["spec"]
    assert new["spec"]["clusterIP"] == "10.96.0.5"


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        (
            {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}},
            "Guaranteed",
        ),
        (
            {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
            "Burstable",
        ),
        ({"limits": {"cpu": "1"}}, "Burstable"),
    ],
)
def test_quality_of_service(resources, wanted: str):
    assert qos_class({"containers": [{"resources": resources}]}) == wanted


def test_a_new_pod_is_pending_and_has_its_quality_of_service(load):
    pod = load(
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: x}]}, status: {phase: Running}}"
    )
    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


def test_a_job_selects_its_pods_by_its_uid(load):
    job = load(
        "{apiVersion: batch/v1, kind: Job, metadata: {name: j, uid: u9}, spec: {template: {spec: {containers: []}}}}"
    )
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u9"}}
    assert job["spec"]["template"]["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "j"
