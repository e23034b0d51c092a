"""kubectl's columns."""

import pytest

from control.schema.resource import registry
from control.schema.table import as_table, column_definitions

NOW = 1_700_000_000.0
BORN = "2023-11-14T22:08:20Z"  # five minutes before NOW


def first_row(row, obj) -> list:
    obj.setdefault("metadata", {"name": "a", "creationTimestamp": BORN})
    return as_table(row, [obj], now=NOW)["rows"][0]["cells"]


def container(name: str = "a", **state):
    return {"name": name, "restartCount": 0, "ready": False, **state}


RUNNING = {"state": {"running": {}}, "ready": True}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"phase": "Pending"}, ["0/2", "Pending", "0"]),
        ({"phase": "Running", "containerStatuses": [container("a", **RUNNING), container("b", **RUNNING)]}, ["2/2", "Running", "0"]),
        (
            {"phase": "Running", "containerStatuses": [container("a", **RUNNING), container("b", state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=3, lastState={"terminated": {"finishedAt": "2023-11-14T22:12:20Z"}})]},
            ["1/2", "CrashLoopBackOff", "3 (60s ago)"],
        ),
        ({"phase": "Succeeded", "containerStatuses": [container("a", state={"terminated": {"reason": "Completed"}})]}, ["0/2", "Completed", "0"]),
        ({"phase": "Failed", "containerStatuses": [container("a", state={"terminated": {"exitCode": 3}})]}, ["0/2", "ExitCode:3", "0"]),
        ({"phase": "Failed", "containerStatuses": [container("a", state={"terminated": {"signal": 9}})]}, ["0/2", "Signal:9", "0"]),
        ({"phase": "Pending", "initContainerStatuses": [container("i", state={"running": {}})]}, ["0/2", "Init:0/2", "0"]),
        (
            {"phase": "Pending", "initContainerStatuses": [container("i", state={"terminated": {"exitCode": 0}}), container("j", state={"waiting": {"reason": "PodInitializing"}})]},
            ["0/2", "Init:1/2", "0"],
        ),
        ({"phase": "Pending", "initContainerStatuses": [container("i", state={"terminated": {"exitCode": 1, "reason": "Error"}})]}, ["0/2", "Init:Error", "0"]),
        ({"phase": "Failed", "reason": "Evicted"}, ["0/2", "Evicted", "0"]),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}, ["0/2", "SchedulingGated", "0"]),
    ],
)  # fmt: skip
def test_a_pods_ready_status_and_restarts(row, status, shown):
    spec = {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}, {"name": "j"}]}
    assert first_row(row("v1", "Pod"), {"spec": spec, "status": status})[1:4] == shown


def test_a_sidecar_counts_as_a_container(row):
    spec = {"containers": [{"name": "a"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}]}
    status = {
        "phase": "Running",
        "initContainerStatuses": [container("s", started=True, **RUNNING)],
        "containerStatuses": [container("a", **RUNNING)],
    }
    assert first_row(row("v1", "Pod"), {"spec": spec, "status": status})[1:3] == ["2/2", "Running"]


def test_a_deleted_pod_is_terminating(row):
    meta = {"name": "a", "creationTimestamp": BORN, "deletionTimestamp": BORN}
    pods = row("v1", "Pod")
    assert first_row(pods, {"metadata": meta, "spec": {}, "status": {"phase": "Running"}})[2] == "Terminating"
    assert (
        first_row(pods, {"metadata": meta, "spec": {}, "status": {"phase": "Running", "reason": "NodeLost"}})[
            2
        ]
        == "Unknown"
    )


def test_a_pods_wide_columns(row):
    pod = {
        "spec": {"nodeName": "node-1", "readinessGates": [{"conditionType": "x"}], "containers": []},
        "status": {"podIPs": [{"ip": "10.0.0.1"}], "conditions": [{"type": "x", "status": "True"}]},
    }
    assert first_row(row("v1", "Pod"), pod)[4:] == ["5m", "10.0.0.1", "node-1", "<none>", "1/1"]


@pytest.mark.parametrize(
    ("spec", "status", "shown"),
    [
        ({"type": "ClusterIP", "clusterIPs": ["10.96.0.1"], "ports": [{"port": 443, "protocol": "TCP"}]}, {}, ["ClusterIP", "10.96.0.1", "<none>", "443/TCP", "5m", "<none>"]),
        ({"type": "NodePort", "clusterIP": "10.96.0.2", "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}], "selector": {"b": "2", "a": "1"}}, {}, ["NodePort", "10.96.0.2", "<none>", "80:30080/TCP,53/UDP", "5m", "a=1,b=2"]),
        ({"type": "LoadBalancer", "clusterIP": "10.96.0.3"}, {}, ["LoadBalancer", "10.96.0.3", "<pending>", "<none>", "5m", "<none>"]),
        ({"type": "LoadBalancer", "clusterIP": "10.96.0.3"}, {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, ["LoadBalancer", "10.96.0.3", "1.2.3.4", "<none>", "5m", "<none>"]),
        ({"type": "ExternalName", "externalName": "x.org"}, {}, ["ExternalName", "<none>", "x.org", "<none>", "5m", "<none>"]),
        ({"type": "ClusterIP", "clusterIP": "None"}, {}, ["ClusterIP", "None", "<none>", "<none>", "5m", "<none>"]),
    ],
)  # fmt: skip
def test_services(row, spec, status, shown):
    assert first_row(row("v1", "Service"), {"spec": spec, "status": status})[1:] == shown


def test_deployments_and_replica_sets(row):
    spec = {
        "replicas": 3,
        "selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "x", "operator": "In", "values": ["b", "a"]}],
        },
        "template": {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]}},
    }
    wide = ["a,b", "x:1,y:1", "app=web,x in (a,b)"]
    status = {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1, "replicas": 3}
    assert first_row(row("apps/v1", "Deployment"), {"spec": spec, "status": status}) == [
        "a",
        "1/3",
        2,
        1,
        "5m",
        *wide,
    ]
    assert first_row(row("apps/v1", "ReplicaSet"), {"spec": spec, "status": status}) == [
        "a",
        3,
        3,
        1,
        "5m",
        *wide,
    ]


def test_nodes(row):
    node = {
        "metadata": {
            "name": "cp",
            "creationTimestamp": BORN,
            "labels": {"node-role.kubernetes.io/control-plane": ""},
        },
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.1.9"}],
            "nodeInfo": {"kubeletVersion": "v1.37.0", "osImage": "Debian"},
        },
    }
    assert first_row(row("v1", "Node"), node) == [
        "cp", "Ready,SchedulingDisabled", "control-plane", "5m", "v1.37.0", "10.0.1.9", "<none>", "Debian",
        "<unknown>", "<unknown>",
    ]  # fmt: skip
    node["status"]["conditions"][0]["status"] = "Unknown"
    assert first_row(row("v1", "Node"), node)[1] == "NotReady,SchedulingDisabled"


def test_events_of_both_groups(row):
    event = {
        "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}"},
        "lastTimestamp": BORN, "firstTimestamp": "2023-11-14T21:13:20Z", "count": 4, "type": "Warning",
        "reason": "BackOff", "message": " text\n", "source": {"component": "kubelet", "host": "node-1"},
    }  # fmt: skip
    assert first_row(row("v1", "Event"), event) == [
        "5m", "Warning", "BackOff", "pod/web", "spec.containers{a}", "kubelet, node-1", "text", "60m", 4, "a",
    ]  # fmt: skip
    event = {
        "regarding": {"kind": "Node", "name": "n"},
        "eventTime": "2023-11-14T22:13:15.000000Z",
        "note": "hi",
        "reportingController": "c",
    }
    assert first_row(row("events.k8s.io/v1", "Event"), event)[:7] == ["5s", "", "", "node/n", "", "c", "hi"]


def test_endpoint_slices_show_the_first_three(row):
    slice_ = {
        "addressType": "IPv4",
        "ports": [{"port": 80}],
        "endpoints": [{"addresses": [f"10.0.0.{n}"]} for n in range(5)],
    }
    assert first_row(row("discovery.k8s.io/v1", "EndpointSlice"), slice_)[1:4] == [
        "IPv4", "80", "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more...",
    ]  # fmt: skip
    assert first_row(row("discovery.k8s.io/v1", "EndpointSlice"), {"addressType": "IPv6"})[1:4] == [
        "IPv6",
        "<unset>",
        "<unset>",
    ]


@pytest.mark.parametrize("kind", registry().rows, ids=lambda kind: f"{kind.api_version} {kind.kind}")
def test_every_kinds_cells_fit_its_columns(kind):
    assert len(first_row(kind, {})) == len(column_definitions(kind))


def test_the_table_itself(row):
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {},
        "status": {"phase": "Succeeded"},
    }
    table = as_table(row("v1", "Pod"), [pod], list_meta={"resourceVersion": "7"}, now=NOW)
    assert (table["kind"], table["apiVersion"], table["metadata"]) == (
        "Table",
        "meta.k8s.io/v1",
        {"resourceVersion": "7"},
    )
    assert table["rows"][0]["object"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "a"},
    }
    assert table["rows"][0]["conditions"][0]["type"] == "Completed"
    assert as_table(row("v1", "Pod"), [pod], include="Object")["rows"][0]["object"] is pod
    assert "object" not in as_table(row("v1", "Pod"), [pod], include="None")["rows"][0]
    assert [c["name"] for c in table["columnDefinitions"] if not c["priority"]] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
