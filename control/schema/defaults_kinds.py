"""Defaults of all kinds but pods that depend on other fields."""

import base64
from collections.abc import Callable
from typing import Any

from control.schema.tables import CORE

_APPS = "k8s.io.api.apps.v1."
_BATCH = "k8s.io.api.batch.v1."
_INT32_MAX = (1 << 31) - 1
_RBAC = "rbac.authorization.k8s.io"


def _namespace(namespace: dict[str, Any]) -> None:
    meta = namespace.setdefault("metadata", {})
    if meta.get("name"):
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
    namespace.setdefault("status", {})


def _secret(secret: dict[str, Any]) -> None:
    """stringData is write-only: it becomes data."""
    plain = secret.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        secret["data"] = {**secret.get("data", {}), **encoded}


def _node_spec(spec: dict[str, Any]) -> None:
    """podCIDR is the first of podCIDRs; where they differ the single one holds."""
    one, several = spec.get("podCIDR"), spec.get("podCIDRs")
    if one and (not several or several[0] != one):
        spec["podCIDRs"] = [one]
    elif several and not one:
        spec["podCIDR"] = several[0]


def _node_status(status: dict[str, Any]) -> None:
    if status.get("capacity") and "allocatable" not in status:
        status["allocatable"] = dict(status["capacity"])


def _service_spec(spec: dict[str, Any]) -> None:
    kind = spec["type"]
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        config.setdefault("timeoutSeconds", 10800)
    elif spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports", ()):
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
    if kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _ingress_point(point: dict[str, Any]) -> None:
    if point.get("ip"):
        point.setdefault("ipMode", "VIP")


def _limit(item: dict[str, Any]) -> None:
    """A container's default comes from max, its default request from default, then min."""
    if item.get("type") != "Container":
        return
    for target, sources in (("default", ("max",)), ("defaultRequest", ("default", "min"))):
        values = item.setdefault(target, {})
        for source in sources:
            for name, amount in item.get(source, {}).items():
                values.setdefault(name, amount)
        if not values:
            del item[target]


def _deployment_strategy(strategy: dict[str, Any]) -> None:
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {})


def _stateful_set_strategy(strategy: dict[str, Any]) -> None:
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("partition", 0)
        rolling.setdefault("maxUnavailable", 1)


def _controller_from_template(controller: dict[str, Any]) -> None:
    """A ReplicationController without selector or labels takes its template's."""
    spec = controller.get("spec", {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if labels:
        spec.setdefault("selector", dict(labels))
        controller.setdefault("metadata", {}).setdefault("labels", dict(labels))


def _stateful_set_spec(spec: dict[str, Any]) -> None:
    """Claim templates say what they are."""
    for claim in spec.get("volumeClaimTemplates", ()):
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")


def _job(job: dict[str, Any]) -> None:
    labels = job.get("spec", {}).get("template", {}).get("metadata", {}).get("labels")
    if labels and not job.get("metadata", {}).get("labels"):
        job.setdefault("metadata", {})["labels"] = dict(labels)
    spec = job.get("spec")
    if spec is None:
        return
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _INT32_MAX if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    failed_only = "podFailurePolicy" in spec
    spec.setdefault("podReplacementPolicy", "Failed" if failed_only else "TerminatingOrFailed")


def _network_policy_spec(spec: dict[str, Any]) -> None:
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _scaler_v1(spec: dict[str, Any]) -> None:
    spec.setdefault("targetCPUUtilizationPercentage", 80)


def _scaler_v2(spec: dict[str, Any]) -> None:
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if behavior is None:
        return
    up, down = behavior.setdefault("scaleUp", {}), behavior.setdefault("scaleDown", {})
    up.setdefault("stabilizationWindowSeconds", 0)
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    up.setdefault("policies", [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent])
    down.setdefault("policies", [dict(percent)])
    for rules in (up, down):
        rules.setdefault("selectPolicy", "Max")


def _subject(subject: dict[str, Any]) -> None:
    if subject.get("kind") in ("User", "Group"):
        subject.setdefault("apiGroup", _RBAC)


def _crd_spec(spec: dict[str, Any]) -> None:
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")


def _device_request(request: dict[str, Any]) -> None:
    if request.get("deviceClassName") or "exactly" not in request:
        request.setdefault("allocationMode", "ExactCount")
        if request["allocationMode"] == "ExactCount":
            request.setdefault("count", 1)


def _definition_spec(spec: dict[str, Any]) -> None:
    """A CRD's names: singular and listKind follow the kind."""
    names = spec.get("names")
    if isinstance(names, dict) and names.get("kind"):
        if not names.get("singular"):
            names["singular"] = names["kind"].lower()
        if not names.get("listKind"):
            names["listKind"] = names["kind"] + "List"


_DEFINITION_SPEC = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec"

KIND_DEFAULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    _DEFINITION_SPEC: _definition_spec,
    CORE + "Namespace": _namespace,
    CORE + "Secret": _secret,
    CORE + "NodeSpec": _node_spec,
    CORE + "NodeStatus": _node_status,
    CORE + "ServiceSpec": _service_spec,
    CORE + "LoadBalancerIngress": _ingress_point,
    CORE + "LimitRangeItem": _limit,
    CORE + "ReplicationController": _controller_from_template,
    _APPS + "DeploymentStrategy": _deployment_strategy,
    _APPS + "DaemonSetUpdateStrategy": _deployment_strategy,
    _APPS + "StatefulSetUpdateStrategy": _stateful_set_strategy,
    _APPS + "StatefulSetSpec": _stateful_set_spec,
    _BATCH + "Job": _job,
    "k8s.io.api.networking.v1.NetworkPolicySpec": _network_policy_spec,
    "k8s.io.api.autoscaling.v1.HorizontalPodAutoscalerSpec": _scaler_v1,
    "k8s.io.api.autoscaling.v2.HorizontalPodAutoscalerSpec": _scaler_v2,
    "k8s.io.api.rbac.v1.Subject": _subject,
    "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec": _crd_spec,
    "k8s.io.api.resource.v1.ExactDeviceRequest": _device_request,
    "k8s.io.api.resource.v1.DeviceSubRequest": _device_request,
    "k8s.io.api.resource.v1beta2.ExactDeviceRequest": _device_request,
    "k8s.io.api.resource.v1beta2.DeviceSubRequest": _device_request,
}
