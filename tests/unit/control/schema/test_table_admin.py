"""Columns of what administrators look at."""

import pytest

from control.schema.resource import registry
from control.schema.table import as_table, column_definitions
from control.schema.table_admin import PRINTERS

NOW = 1_700_000_000.0
BORN = "2023-11-14T22:08:20Z"  # five minutes before NOW


def cells(api_version, kind, **obj):
    row = registry().by_kind(api_version, kind)
    assert row is not None
    meta = {"name": "a", "creationTimestamp": BORN, **obj.pop("metadata", {})}
    return as_table(row, [{"metadata": meta, **obj}], now=NOW)["rows"][0]["cells"]


@pytest.mark.parametrize(
    ("api_version", "kind", "obj", "want"),
    [
        ("storage.k8s.io/v1", "CSIDriver", {"spec": {"volumeLifecycleModes": ["Persistent"]}}, ["a", True, False, False, "<unset>", False, "Persistent", "5m"]),
        ("storage.k8s.io/v1", "CSINode", {"spec": {"drivers": [{}, {}]}}, ["a", 2, "5m"]),
        ("storage.k8s.io/v1", "VolumeAttachment", {"spec": {"attacher": "x", "nodeName": "n", "source": {"persistentVolumeName": "v"}}, "status": {"attached": True}}, ["a", "x", "v", "n", True, "5m"]),
        ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", {"spec": {"priorityLevelConfiguration": {"name": "p"}, "matchingPrecedence": 7}}, ["a", "p", 7, "<none>", "5m", "?"]),
        ("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 3, "limitResponse": {"queuing": {"queues": 4, "handSize": 5, "queueLengthLimit": 6}}}}}, ["a", "Limited", 3, 4, 5, 6, "5m"]),
        ("resource.k8s.io/v1", "ResourceClaim", {"status": {}}, ["a", "pending", "5m"]),
        ("resource.k8s.io/v1", "ResourceClaim", {"status": {"allocation": {}, "reservedFor": [{}]}, "metadata": {"deletionTimestamp": BORN}}, ["a", "deleted,allocated,reserved", "5m"]),
        ("resource.k8s.io/v1", "ResourceSlice", {"spec": {"nodeName": "n", "driver": "d", "pool": {"name": "p"}}}, ["a", "n", "d", "p", "5m"]),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", {"spec": {"validations": [{}], "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}}, ["a", 1, "v1/ConfigMap", "5m"]),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", {"spec": {"policyName": "p", "paramRef": {"name": "x"}}}, ["a", "p", "*/x", "5m"]),
        ("v1", "ComponentStatus", {"conditions": [{"type": "Healthy", "status": "True", "message": "ok"}]}, ["a", "Healthy", "ok", ""]),
    ],
)  # fmt: skip
def test_cells(api_version, kind, obj, want):
    assert cells(api_version, kind, **obj) == want


@pytest.mark.parametrize(
    "row",
    [row for row in registry().rows if row.qualified in PRINTERS],
    ids=lambda row: f"{row.api_version}-{row.kind}",
)
def test_an_empty_object_fills_every_column(row):
    made = as_table(row, [{"metadata": {"name": "a"}}], now=NOW)["rows"][0]["cells"]
    assert len(made) == len(column_definitions(row))
