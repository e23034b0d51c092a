"""A small cluster as the API lists it."""

from collections.abc import Callable
from typing import Any

import pytest

from control.verify.cluster import ClusterView, cluster_of

Json = dict[str, Any]


def pod(name: str, ip: str, node: str = "node-1", **more: Any) -> Json:
    labels = {"app": name.partition("-")[0], **more.get("labels", {})}
    container = {"name": "c", "ports": [{"containerPort": 8080}], "env": more.get("env", [])}
    return {
        "metadata": {
            "namespace": "shop", "name": name, "uid": name, "labels": labels,
            "ownerReferences": more.get("owners", []), "annotations": more.get("annotations", {}),
        },
        "spec": {"nodeName": node, "containers": [container], "hostNetwork": more.get("host", False)},
        "status": {
            "phase": "Running", "podIPs": [{"ip": ip}],
            "conditions": [{"type": "Ready", "status": more.get("ready", "True")}],
        },
    }  # fmt: skip


def service(name: str, ip: str, **spec: Any) -> Json:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return {
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"clusterIP": ip, "ports": ports, **spec},
    }


def endpoints(name: str, *ready: tuple[str, str]) -> Json:
    return {
        "metadata": {
            "namespace": "shop",
            "name": f"{name}-1",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [
            {"addresses": [ip], "nodeName": node, "conditions": {"ready": True}} for ip, node in ready
        ],
    }


@pytest.fixture
def objects() -> dict[str, list[Json]]:
    """web, and api with two pods behind a Service; api is open to web only."""
    owner = {"kind": "ReplicaSet", "name": "api-abc", "controller": True}
    hashed = {"pod-template-hash": "abc"}
    policy = {
        "metadata": {"namespace": "shop", "name": "api"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "api"}},
            "ingress": [
                {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 8080}]}
            ],
        },
    }
    node = {"metadata": {"name": "node-1"}, "spec": {"podCIDRs": ["10.244.1.0/24"]},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.1.10"}]}}  # fmt: skip
    return {
        "pods": [
            pod(
                "web",
                "10.244.1.2",
                env=[{"name": "API_ADDR", "value": "api:80"}, {"name": "HOST", "value": "x"}],
            ),
            pod("api-abc-1", "10.244.1.3", owners=[owner], labels=hashed),
            pod("api-abc-2", "10.244.2.3", "node-2", owners=[owner], labels=hashed),
            pod("late", "10.244.1.9", ready="False"),
            pod("host", "10.0.1.10", host=True),
        ],
        "namespaces": [{"metadata": {"name": "shop"}}],
        "nodes": [node],
        "networkpolicies": [policy],
        "services": [
            service("api", "10.96.0.20"),
            service("none", "10.96.0.30"),
            service("headless", "None"),
        ],
        "endpointslices": [endpoints("api", ("10.244.1.3", "node-1"), ("10.244.2.3", "node-2"))],
    }


@pytest.fixture
def cluster(objects: dict[str, list[Json]]) -> ClusterView:
    return cluster_of(objects)


@pytest.fixture
def view() -> Callable[[dict[str, list[Json]]], ClusterView]:
    return cluster_of
