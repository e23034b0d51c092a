"""Rows of what administrators look at: storage drivers, devices, fairness, admission policies."""

from collections.abc import Mapping
from typing import Any

from control.schema.table_cells import NONE, UNSET, Cells, Obj, condition, head


def _spec(obj: Obj) -> Mapping[str, Any]:
    return obj.get("spec") or {}


def csi_driver(obj: Obj, now: float) -> list[Any]:
    """What the driver asks of a kubelet."""
    name, since = head(obj, now)
    spec = _spec(obj)
    audiences = [request.get("audience", "") for request in spec.get("tokenRequests") or ()]
    modes = ",".join(spec.get("volumeLifecycleModes") or ()) or NONE
    flags = [
        spec.get("attachRequired", True),
        spec.get("podInfoOnMount", False),
        spec.get("storageCapacity", False),
    ]
    tokens = ",".join(audiences) if "tokenRequests" in spec else UNSET
    return [name, *flags, tokens, spec.get("requiresRepublish", False), modes, since]


def csi_node(obj: Obj, now: float) -> list[Any]:
    """How many drivers it has."""
    name, since = head(obj, now)
    return [name, len(_spec(obj).get("drivers") or ()), since]


def volume_attachment(obj: Obj, now: float) -> list[Any]:
    """Which volume, where."""
    name, since = head(obj, now)
    spec = _spec(obj)
    volume = (spec.get("source") or {}).get("persistentVolumeName", "")
    attached = (obj.get("status") or {}).get("attached", False)
    return [name, spec.get("attacher", ""), volume, spec.get("nodeName", ""), attached, since]


def volume_attributes_class(obj: Obj, now: float) -> list[Any]:
    """Its driver."""
    name, since = head(obj, now)
    return [name, obj.get("driverName", ""), since]


def flow_schema(obj: Obj, now: float) -> list[Any]:
    """Which level it leads to."""
    name, since = head(obj, now)
    spec = _spec(obj)
    level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
    told = (condition(obj, "Dangling") or {}).get("status", "?")
    method = (spec.get("distinguisherMethod") or {}).get("type", NONE)
    return [name, level, spec.get("matchingPrecedence", 0), method, since, told]


def priority_level(obj: Obj, now: float) -> list[Any]:
    """Its share, and its queues."""
    name, since = head(obj, now)
    spec = _spec(obj)
    limited = spec.get("limited") or {}
    share = (spec.get("limited") or spec.get("exempt") or {}).get("nominalConcurrencyShares", NONE)
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    queues = [queuing.get(key, NONE) for key in ("queues", "handSize", "queueLengthLimit")]
    return [name, spec.get("type", ""), share, *queues, since]


def resource_claim(obj: Obj, now: float) -> list[Any]:
    """How far it is."""
    name, since = head(obj, now)
    status = obj.get("status") or {}
    states = ["deleted"] if "deletionTimestamp" in obj["metadata"] else []
    if "allocation" in status:
        states += ["allocated"] + (["reserved"] if status.get("reservedFor") else [])
    elif not states:
        states = ["pending"]
    return [name, ",".join(states), since]


def resource_slice(obj: Obj, now: float) -> list[Any]:
    """Whose devices, where."""
    name, since = head(obj, now)
    spec = _spec(obj)
    pool = (spec.get("pool") or {}).get("name", "")
    return [name, spec.get("nodeName", ""), spec.get("driver", ""), pool, since]


def _admission_policy(counted: str) -> Cells:
    def cells(obj: Obj, now: float) -> list[Any]:
        name, since = head(obj, now)
        spec = _spec(obj)
        kind = spec.get("paramKind")
        shown = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET
        return [name, len(spec.get(counted) or ()), shown, since]

    return cells


def admission_binding(obj: Obj, now: float) -> list[Any]:
    """Which policy, with which parameters."""
    name, since = head(obj, now)
    spec = _spec(obj)
    ref = spec.get("paramRef")
    shown = UNSET
    if ref:
        space = f"{ref['namespace']}/" if ref.get("namespace") else "*/"
        shown = space + (ref.get("name") or "*")
    return [name, spec.get("policyName", ""), shown, since]


def component_status(obj: Obj, now: float) -> list[Any]:
    """Whether it is healthy."""
    name, _ = head(obj, now)
    found: Mapping[str, Any] = next(
        (one for one in obj.get("conditions") or () if one.get("type") == "Healthy"), {}
    )
    status = {"True": "Healthy", "False": "Unhealthy"}.get(found.get("status", ""), "Unknown")
    return [name, status, found.get("message", ""), found.get("error", "")]


def trust_bundle(obj: Obj, now: float) -> list[Any]:
    """Whose certificates."""
    name, _ = head(obj, now)
    return [name, _spec(obj).get("signerName", "")]


_GROUP = "admissionregistration.k8s.io"
PRINTERS: dict[str, Cells] = {
    "csidrivers.storage.k8s.io": csi_driver,
    "csinodes.storage.k8s.io": csi_node,
    "volumeattachments.storage.k8s.io": volume_attachment,
    "volumeattributesclasses.storage.k8s.io": volume_attributes_class,
    "flowschemas.flowcontrol.apiserver.k8s.io": flow_schema,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": priority_level,
    "resourceclaims.resource.k8s.io": resource_claim,
    "resourceslices.resource.k8s.io": resource_slice,
    f"validatingadmissionpolicies.{_GROUP}": _admission_policy("validations"),
    f"mutatingadmissionpolicies.{_GROUP}": _admission_policy("mutations"),
    f"validatingadmissionpolicybindings.{_GROUP}": admission_binding,
    f"mutatingadmissionpolicybindings.{_GROUP}": admission_binding,
    "componentstatuses": component_status,
    "clustertrustbundles.certificates.k8s.io": trust_bundle,
}
"""Resource → its row."""
