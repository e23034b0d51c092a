"""A lab of two workers, and a small cluster on it, as the API lists it."""

from typing import Any

import pytest

from control.explain.atlas import Atlas
from control.explain.run import atlas_of
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes

Json = dict[str, Any]


def pod(name: str, ip: str, node: str, phase: str = "Running") -> Json:
    return {
        "metadata": {"namespace": "shop", "name": name, "uid": name, "labels": {"app": name}},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}],
        },
        "status": {
            "phase": phase,
            "podIPs": [{"ip": ip}] if ip else [],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def service(name: str, ip: str, **spec: Any) -> Json:
    return {
        "metadata": {"namespace": "shop", "name": name, "resourceVersion": "7"},
        "spec": {"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 80, "protocol": "TCP"}], **spec},
    }


@pytest.fixture
def atlas() -> Atlas:
    """web on node-1, db on node-2; Services db (web's), empty, headless (db's)."""

    def piece(name: str, port_name: str = "") -> Json:
        return {
            "metadata": {
                "namespace": "shop",
                "name": f"{name}-1",
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "ports": [{"port": 8080, "name": port_name}],
            "endpoints": [{"addresses": ["10.244.2.3"], "nodeName": "node-2", "conditions": {"ready": True}}],
        }

    plan = make_plan("t", LabSpec(nodes=default_nodes(2)), ipv6=False)
    return atlas_of(
        plan,
        {
            "pods": [pod("web", "10.244.1.2", "node-1"), pod("db", "10.244.2.3", "node-2"),
                     pod("pending", "", "node-1", "Pending"), pod("finished", "10.244.1.9", "node-1", "Succeeded")],
            "namespaces": [{"metadata": {"name": "shop"}}],
            "nodes": [],
            "networkpolicies": [{"metadata": {"namespace": "shop", "name": "db-only", "resourceVersion": "9"},
                                 "spec": {"podSelector": {}}}],
            "services": [
                service("db", "10.96.0.20", type="NodePort",
                        ports=[{"name": "http", "port": 80, "protocol": "TCP", "nodePort": 30080}]),
                service("empty", "10.96.0.30"),
                service("headless", "None"),
                {"metadata": {"namespace": "shop", "name": "alias"},
                 "spec": {"type": "ExternalName", "externalName": "example.com"}},
            ],
            "endpointslices": [piece("db", "http"), piece("headless")],
        },
    )  # fmt: skip
