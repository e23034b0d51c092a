"""An object of each kind that the API validates, where to send it: what the fuzz test spoils."""

from typing import Any

from tests.integration.control.api.objects import config, deployment, pod, service

SPACE = "namespaces/default"
CORE, APPS = f"/api/v1/{SPACE}", f"/apis/apps/v1/{SPACE}"


def seeds() -> list[tuple[str, dict[str, Any]]]:
    rich = pod(
        "pod",
        initContainers=[{"name": "i", "image": "x", "restartPolicy": "Always"}],
        containers=[
            {
                "name": "a",
                "image": "x",
                "command": ["a"],
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "envFrom": [{"configMapRef": {"name": "c"}}],
                "ports": [{"containerPort": 80, "name": "http"}],
                "resources": {"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"port": "http", "path": "/"}, "periodSeconds": 3},
                "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            }
        ],
        volumes=[{"name": "v", "configMap": {"name": "c", "items": [{"key": "a", "path": "b"}]}}],
        tolerations=[{"key": "a", "operator": "Exists"}],
        affinity={
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
                    ]
                }
            }
        },
        topologySpreadConstraints=[
            {
                "maxSkew": 1,
                "topologyKey": "z",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"a": "b"}},
            }
        ],
        terminationGracePeriodSeconds=3,
    )
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {**rich["spec"], "restartPolicy": "Never"}}
    policy = {
        "metadata": {"name": "policy"},
        "spec": {
            "podSelector": {"matchLabels": {"a": "b"}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [
                        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                        {
                            "namespaceSelector": {
                                "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]
                            }
                        },
                    ],
                    "ports": [{"port": 80, "endPort": 90, "protocol": "TCP"}],
                }
            ],
        },
    }
    slices = {
        "metadata": {"name": "endpointslice"},
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": ["10.0.0.1"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": "a"},
            }
        ],
        "ports": [{"name": "a", "port": 80}],
    }
    node = {"metadata": {"name": "node", "labels": {"a": "b"}}, "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}], "podCIDR": "10.1.0.0/24"}, "status": {"capacity": {"cpu": "1"}, "conditions": [{"type": "Ready", "status": "True"}]}}  # fmt: skip
    job = {
        "metadata": {"name": "job"},
        "spec": {"template": template, "completions": 2, "podFailurePolicy": {"rules": []}},
    }
    cron = {
        "metadata": {"name": "cronjob"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job["spec"]}},
    }
    stateful = {
        "metadata": {"name": "statefulset"},
        "spec": {
            "serviceName": "s",
            "selector": {"matchLabels": {"a": "b"}},
            "template": {**template, "spec": rich["spec"]},
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "v"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}},
                    },
                }
            ],
        },
    }
    ingress = {"metadata": {"name": "ingress"}, "spec": {"rules": [{"host": "a", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}], "tls": [{"hosts": ["a"]}]}}  # fmt: skip
    space = "namespaces/default/"
    return [
        (f"/api/v1/{space}pods", rich),
        (f"/api/v1/{space}configmaps", config("configmap", {"a": "b"}, key="value")),
        (
            f"/api/v1/{space}services",
            service("service", type="NodePort", externalIPs=["1.2.3.4"], ipFamilies=["IPv4"]),
        ),
        (f"/apis/apps/v1/{space}deployments", deployment("deployment")),
        (f"/apis/apps/v1/{space}statefulsets", stateful),
        (f"/apis/batch/v1/{space}jobs", job),
        (f"/apis/batch/v1/{space}cronjobs", cron),
        (f"/apis/networking.k8s.io/v1/{space}networkpolicies", policy),
        (f"/apis/networking.k8s.io/v1/{space}ingresses", ingress),
        (f"/apis/discovery.k8s.io/v1/{space}endpointslices", slices),
        ("/api/v1/nodes", node),
        (
            "/api/v1/namespaces",
            {"metadata": {"name": "ns", "labels": {"a": "b"}}, "spec": {"finalizers": ["kubernetes"]}},
        ),
        (
            f"/api/v1/{space}secrets",
            {
                "metadata": {"name": "secret"},
                "type": "Opaque",
                "data": {"a": "YQ=="},
                "stringData": {"b": "c"},
            },
        ),
        (
            f"/apis/policy/v1/{space}poddisruptionbudgets",
            {
                "metadata": {"name": "pdb"},
                "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}},
            },
        ),
    ]
