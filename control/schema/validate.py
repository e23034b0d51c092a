"""Upstream's rules, kind by kind: field paths and wording as kube-apiserver has them."""

from collections.abc import Callable, Mapping
from typing import Any

from control.errors import Cause
from control.schema import validate_batch as batch
from control.schema import validate_core as core
from control.schema import validate_endpoints as endpoints
from control.schema import validate_network as network
from control.schema import validate_quota as quotas
from control.schema import validate_scaling as scaling
from control.schema import validate_service as services
from control.schema import validate_sets as sets
from control.schema import validate_storage as storage
from control.schema import validate_workload as workload
from control.schema.custom.validate_definition import definition, definition_update
from control.schema.resource import ResourceRow
from control.schema.validate_claim import claim, claim_update
from control.schema.validate_declared import declared, declared_update
from control.schema.validate_meta import metadata, metadata_update
from control.schema.validate_pod import pod
from control.schema.validate_pod_update import ephemeral_update, pod_update
from control.schema.validate_storage_class import storage_class, storage_class_update

Rule = Callable[[dict[str, Any]], list[Cause]]
UpdateRule = Callable[[dict[str, Any], dict[str, Any]], list[Cause]]


def _nothing(obj: Mapping[str, Any]) -> list[Cause]:
    return []


_RULES: dict[str, Rule] = {
    "namespaces": core.namespace,
    "nodes": core.node,
    "pods": pod,
    "services": services.service,
    "endpoints": endpoints.endpoints,
    "endpointslices.discovery.k8s.io": endpoints.endpoint_slice,
    "configmaps": core.config_map,
    "secrets": core.secret,
    "serviceaccounts": _nothing,
    "resourcequotas": quotas.resource_quota,
    "horizontalpodautoscalers.autoscaling": scaling.autoscaler,
    "priorityclasses.scheduling.k8s.io": scaling.priority_class,
    "limitranges": quotas.limit_range,
    "persistentvolumes": storage.volume,
    "persistentvolumeclaims": claim,
    "storageclasses.storage.k8s.io": storage_class,
    "events": core.event,
    "events.events.k8s.io": core.event,
    "leases.coordination.k8s.io": core.lease,
    "deployments.apps": workload.deployment,
    "replicasets.apps": workload.replica_set,
    "statefulsets.apps": sets.stateful_set,
    "daemonsets.apps": sets.daemon_set,
    "controllerrevisions.apps": _nothing,
    "replicationcontrollers": workload.replication_controller,
    "jobs.batch": batch.job,
    "cronjobs.batch": batch.cron_job,
    "poddisruptionbudgets.policy": sets.disruption_budget,
    "networkpolicies.networking.k8s.io": network.network_policy,
    "ingresses.networking.k8s.io": network.ingress,
    "roles.rbac.authorization.k8s.io": core.role,
    "clusterroles.rbac.authorization.k8s.io": core.role,
    "rolebindings.rbac.authorization.k8s.io": core.role_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": core.role_binding,
    "customresourcedefinitions.apiextensions.k8s.io": definition,
}
_UPDATE_RULES: dict[str, UpdateRule] = {
    "nodes": core.node_update,
    "services": services.service_update,
    "endpointslices.discovery.k8s.io": endpoints.endpoint_slice_update,
    "configmaps": core.config_map_update,
    "secrets": core.secret_update,
    "resourcequotas": quotas.resource_quota_update,
    "persistentvolumes": storage.volume_update,
    "persistentvolumeclaims": claim_update,
    "storageclasses.storage.k8s.io": storage_class_update,
    "priorityclasses.scheduling.k8s.io": scaling.priority_class_update,
    "deployments.apps": workload.selector_update,
    "replicasets.apps": workload.selector_update,
    "daemonsets.apps": workload.selector_update,
    "statefulsets.apps": sets.stateful_set_update,
    "jobs.batch": batch.job_update,
    "rolebindings.rbac.authorization.k8s.io": core.role_binding_update,
    "clusterrolebindings.rbac.authorization.k8s.io": core.role_binding_update,
    "customresourcedefinitions.apiextensions.k8s.io": definition_update,
}


def validate_create(row: ResourceRow, obj: dict[str, Any]) -> list[Cause]:
    """What is wrong with a new, defaulted object; empty when it may be stored."""
    found = metadata(row, obj.get("metadata", {}))
    if row.custom is not None:
        return found + row.custom.faults(obj, None)
    rule = _RULES.get(row.qualified)
    if rule is not None:
        return found + rule(obj)
    return found + (declared(row.message, obj) if row.message else [])


def validate_update(
    row: ResourceRow, new: dict[str, Any], old: dict[str, Any], subresource: str = ""
) -> list[Cause]:
    """What is wrong with replacing ``old`` by ``new`` (both defaulted, ``new`` prepared by strategy)."""
    meta, had = new.get("metadata", {}), old.get("metadata", {})
    found = metadata(row, meta) if meta != had else []
    found += metadata_update(meta, had)
    if row.custom is not None:
        return found + row.custom.faults(new, old)
    if subresource == "ephemeralcontainers":
        return found + ephemeral_update(new, old)
    if subresource:
        return found
    if row.qualified == "pods":
        return found + pod_update(new, old)
    rule = _RULES.get(row.qualified)
    if rule is None:
        if row.message:
            found += declared(row.message, new) + declared_update(row.message, new, old)
        return found
    update = _UPDATE_RULES.get(row.qualified)
    if update is not None and row.qualified == "services":
        return found + update(new, old) + rule(new)  # upstream's order
    return found + rule(new) + (update(new, old) if update is not None else [])


def invalid_message(row: ResourceRow, name: str, causes: list[Cause]) -> str:
    """The Status message: ``Pod "x" is invalid: spec.containers: Required value``."""
    kind = f"{row.kind}.{row.group}" if row.group else row.kind
    listed = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    said = listed[0] if len(listed) == 1 else "[" + ", ".join(listed) + "]"
    return f'{kind} "{name}" is invalid: {said}'
