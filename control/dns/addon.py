"""The manifests of the cluster's DNS: what kubeadm applies for CoreDNS, with our server in its place."""

from collections.abc import Sequence
from typing import Any

NAMESPACE = "kube-system"
IMAGE = "podwire.dev/dns"
HEALTH_PORT, READY_PORT = 8080, 8181
_LABELS = {"k8s-app": "kube-dns"}


def manifests(
    dns_ips: Sequence[str], domain: str, *, upstreams: Sequence[str] = ("8.8.8.8",)
) -> list[dict[str, Any]]:
    """ServiceAccount, Service kube-dns and Deployment podwire-dns, to be applied in this order.

    dns_ips: cluster addresses of the Service, one a family, the primary one first.
    domain: the cluster's domain, such as ``cluster.local``.
    upstreams: resolvers that names outside the domain are sent to.
    """
    return [_service_account(), _service(dns_ips), _deployment(domain, upstreams)]


def _metadata(name: str, **labels: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, "labels": {**_LABELS, **labels}}


def _service_account() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "podwire-dns", "namespace": NAMESPACE},
    }


def _service(dns_ips: Sequence[str]) -> dict[str, Any]:
    metadata = _metadata(
        "kube-dns", **{"kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    )
    families = ["IPv6" if ":" in ip else "IPv4" for ip in dns_ips]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "selector": dict(_LABELS),
            "clusterIP": dns_ips[0],
            "clusterIPs": list(dns_ips),
            "ipFamilies": families,
            "ipFamilyPolicy": "RequireDualStack" if len(dns_ips) > 1 else "SingleStack",
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
            ],
        },
    }


def _deployment(domain: str, upstreams: Sequence[str]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata("podwire-dns", **{"kubernetes.io/name": "CoreDNS"}),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "selector": {"matchLabels": dict(_LABELS)},
            "template": {
                "metadata": {"labels": dict(_LABELS)},
                "spec": _pod_spec(domain, upstreams),
            },
        },
    }


def _pod_spec(domain: str, upstreams: Sequence[str]) -> dict[str, Any]:
    return {
        "serviceAccountName": "podwire-dns",
        "priorityClassName": "system-cluster-critical",
        # Its own resolv.conf must not point at itself: queries it can't answer would come back.
        "dnsPolicy": "Default",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
        ],
        "containers": [
            {
                "name": "dns",
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "args": ["-domain", domain, *(f"-upstream={ip}" for ip in upstreams)],
                "ports": [
                    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
                ],
                "livenessProbe": _probe("/health", HEALTH_PORT, initialDelaySeconds=60, failureThreshold=5),
                "readinessProbe": _probe("/ready", READY_PORT, periodSeconds=1),
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
    }


def _probe(path: str, port: int, **rest: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}, "timeoutSeconds": 5, **rest}
