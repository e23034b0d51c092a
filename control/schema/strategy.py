"""What a write may touch: status is the status subresource's, metadata and allocated values are the server's."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from control.schema import quantity
from control.schema.defaults import apply_message_defaults
from control.schema.resource import ResourceRow
from control.schema.strategy_custom import create_custom, create_definition, update_custom, update_definition
from control.schema.strategy_service import carry_over_service
from control.schema.strategy_storage import create_claim, create_volume
from control.schema.structure import check_message
from control.schema.tables import message
from control.schema.timestamps import from_epoch

_COUNTED = frozenset((
    "pods", "replicationcontrollers", "deployments.apps", "replicasets.apps", "statefulsets.apps",
    "daemonsets.apps", "jobs.batch", "cronjobs.batch", "networkpolicies.networking.k8s.io",
    "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io", "endpointslices.discovery.k8s.io",
    "poddisruptionbudgets.policy", "customresourcedefinitions.apiextensions.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    "priorityclasses.scheduling.k8s.io", "csidrivers.storage.k8s.io", "resourceslices.resource.k8s.io",
    "poddisruptionbudgets.policy", "resourceclaims.resource.k8s.io",
))  # fmt: skip
"""Kinds whose metadata.generation the server counts."""

_SERVERS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_KEPT_ON_CREATE = frozenset(("nodes",))  # a kubelet registers its node with its status


def prepare_create(row: ResourceRow, obj: dict[str, Any]) -> None:
    """Before validation of a new object: status reset (initial phase), generation 1; in place.

    The API sets name (generateName), namespace, uid and creationTimestamp itself, before this call.
    """
    meta = obj.setdefault("metadata", {})
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        meta.pop(key, None)
    if row.custom is not None:
        create_custom(row, obj)
        return
    if row.qualified in _COUNTED:
        meta["generation"] = 1
    if row.subresource("status") and row.plural not in _KEPT_ON_CREATE:
        obj["status"] = _blank_status(row)
    own = _ON_CREATE.get(row.qualified)
    if own is not None:
        own(obj)


def prepare_update(row: ResourceRow, new: dict[str, Any], old: dict[str, Any], subresource: str = "") -> None:
    """Before validation of an update: what ``new`` may not change is taken from ``old`` (shared, not copied).

    subresource: "" keeps the old status and bumps metadata.generation when anything but metadata and status
    changed; "status" keeps everything but status (and the metadata that it may set); "ephemeralcontainers",
    "resize", "finalize" and "approval" let through only what they are for.
    """
    _keep_metadata(new, old)
    if row.custom is not None:
        update_custom(row, new, old, subresource)
        return
    if subresource == "":
        if row.subresource("status") and "status" in old:
            new["status"] = old["status"]
        own = _ON_UPDATE.get(row.qualified)
        if own is not None:
            own(new, old)
    else:
        _only(new, old, subresource)
    if row.qualified in _COUNTED:
        changed = any(
            new.get(key) != old.get(key) for key in new.keys() | old.keys() if key not in _UNCOUNTED
        )
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + changed


_UNCOUNTED = ("metadata", "status", "apiVersion", "kind")


def _keep_metadata(new: dict[str, Any], old: dict[str, Any]) -> None:
    """uid stays what the client sent when it sent one, so that validation can refuse a wrong one."""
    meta, had = new.setdefault("metadata", {}), old.get("metadata", {})
    for key in _SERVERS:
        if key == "uid" and meta.get("uid"):
            continue
        if key in had:
            meta[key] = had[key]
        else:
            meta.pop(key, None)
    meta.pop("selfLink", None)


def _only(new: dict[str, Any], old: dict[str, Any], subresource: str) -> None:
    """Everything but what the subresource is for comes from ``old``."""
    wanted = new.get("spec", {}), new.get("status", {})
    for key in [key for key in new if key not in ("metadata", "status", "apiVersion", "kind")]:
        del new[key]
    new |= {key: value for key, value in old.items() if key != "metadata"}
    meta, had = new["metadata"], old["metadata"]
    for key in ("ownerReferences", "generateName", *(("finalizers",) if subresource == "finalize" else ())):
        if key in had:
            meta[key] = had[key]
        else:
            meta.pop(key, None)
    spec, status = wanted
    if subresource in ("status", "approval"):
        new["status"] = status
    elif subresource == "finalize":
        new["spec"] = {**old.get("spec", {}), "finalizers": spec.get("finalizers", [])}
    elif subresource == "ephemeralcontainers":
        new["spec"] = {**old["spec"], "ephemeralContainers": spec.get("ephemeralContainers", [])}
    elif subresource == "resize":
        resized = {container["name"]: container for container in spec.get("containers", ())}
        containers = [
            {**container, "resources": resized.get(container["name"], container).get("resources", {})}
            for container in old["spec"]["containers"]
        ]
        new["spec"] = {**old["spec"], "containers": containers}


@cache
def _status_message(row: ResourceRow) -> str:
    field = message(row.message).json_fields.get("status") if row.message else None
    return field.message if field is not None else ""


def _blank_status(row: ResourceRow) -> dict[str, Any]:
    status: dict[str, Any] = {}
    name = _status_message(row)
    if name:
        check_message(name, status)
        apply_message_defaults(name, status)
    return status


def _create_namespace(namespace: dict[str, Any]) -> None:
    finalizers = namespace.setdefault("spec", {}).setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")


def _update_namespace(new: dict[str, Any], old: dict[str, Any]) -> None:
    new.setdefault("spec", {})["finalizers"] = old.get("spec", {}).get("finalizers", [])


def _create_pod(pod: dict[str, Any]) -> None:
    spec = pod.get("spec", {})
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        pod["status"]["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "lastTransitionTime": from_epoch(int(time.time())),
            }
        ]


def _create_job(job: dict[str, Any]) -> None:
    """Labels and selector by the job's uid, unless the user chose them."""
    spec, meta = job.get("spec", {}), job["metadata"]
    if spec.get("manualSelector") or not meta.get("uid"):
        return
    template = spec.setdefault("template", {}).setdefault("metadata", {})
    labels = {
        "batch.kubernetes.io/controller-uid": meta["uid"],
        "batch.kubernetes.io/job-name": meta.get("name", ""),
        "controller-uid": meta["uid"],
        "job-name": meta.get("name", ""),
    }
    if not meta.get("labels") or meta["labels"] == template.get("labels"):
        meta["labels"] = {**template.get("labels", {}), **labels}
    template["labels"] = {**template.get("labels", {}), **labels}
    selector = spec.setdefault("selector", {})
    wanted = {"batch.kubernetes.io/controller-uid": meta["uid"]}
    selector["matchLabels"] = {**selector.get("matchLabels", {}), **wanted}


def _create_service_account(account: dict[str, Any]) -> None:
    """A reference to a secret is its name alone."""
    if "secrets" in account:
        account["secrets"] = [
            {"name": item["name"]} if item.get("name") else {} for item in account["secrets"]
        ]


_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _create_daemon_set(obj: dict[str, Any]) -> None:
    obj["metadata"].setdefault("annotations", {})[_TEMPLATE_GENERATION] = "1"


def _update_daemon_set(new: dict[str, Any], old: dict[str, Any]) -> None:
    """The annotation counts the changes of the template."""
    before = old.get("metadata", {}).get("annotations", {}).get(_TEMPLATE_GENERATION, "1")
    changed = new.get("spec", {}).get("template") != old.get("spec", {}).get("template")
    count = int(before) + changed if before.isdigit() else 1
    new["metadata"].setdefault("annotations", {})[_TEMPLATE_GENERATION] = str(count)


def qos_class(spec: dict[str, Any]) -> str:
    """Guaranteed (limits for CPU and memory, requests equal), BestEffort (nothing), else Burstable."""
    asked, guaranteed = False, True
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        for name in ("cpu", "memory"):
            request, limit = requests.get(name), limits.get(name)
            asked = asked or bool(request or limit)
            if limit is None or (request is not None and quantity.compare(request, limit)):
                guaranteed = False
    if not asked:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


_ON_CREATE: dict[str, Callable[[dict[str, Any]], None]] = {
    "namespaces": _create_namespace,
    "pods": _create_pod,
    "jobs.batch": _create_job,
    "daemonsets.apps": _create_daemon_set,
    "serviceaccounts": _create_service_account,
    "persistentvolumes": create_volume,
    "persistentvolumeclaims": create_claim,
    "customresourcedefinitions.apiextensions.k8s.io": create_definition,
}
_ON_UPDATE: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "namespaces": _update_namespace,
    "services": carry_over_service,
    "daemonsets.apps": _update_daemon_set,
    "customresourcedefinitions.apiextensions.k8s.io": update_definition,
}
