"""examples/shop is good Kubernetes: structure, rules, and a call graph whose every arrow has a Service."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.schema.defaults import apply_defaults
from control.schema.resource import registry
from control.schema.structure import check
from control.schema.validate import validate_create

SHOP = Path(__file__).resolve().parents[3] / "examples" / "shop"

OBJECTS: list[dict[str, Any]] = [
    document for file in sorted(SHOP.rglob("*.yaml")) for document in yaml.safe_load_all(file.read_text())
]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [obj for obj in OBJECTS if obj["kind"] == kind]


def containers(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return deployment["spec"]["template"]["spec"]["containers"]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}")
def test_an_object_has_only_known_fields_of_the_right_type(obj: dict[str, Any]):
    row = registry().by_kind(obj["apiVersion"], obj["kind"])
    assert row is not None
    sent = copy.deepcopy(obj)
    found = check(row, sent)
    assert (list(found.unknown), list(found.errors)) == ([], [])
    apply_defaults(row, sent)
    assert validate_create(row, sent) == []


def test_there_are_six_deployments_over_http_grpc_and_tcp_with_all_four_kinds_of_probe():
    assert len(of_kind("Deployment")) == 6
    probes = {
        kind
        for deployment in of_kind("Deployment")
        for container in containers(deployment)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        for kind in container.get(probe, {})
    }
    assert {"httpGet", "tcpSocket", "grpc", "exec"} <= probes


def test_every_arrow_of_the_call_graph_leads_to_a_port_of_a_service():
    doors = {
        f"{service['metadata']['name']}:{port['port']}"
        for service in of_kind("Service")
        for port in service["spec"]["ports"]
    }
    arrows = {
        variable["value"]
        for deployment in of_kind("Deployment")
        for container in containers(deployment)
        for variable in container.get("env", ())
        if variable["name"].endswith("_ADDR")
    }
    assert len(arrows) == 5
    assert arrows <= doors


def test_every_service_selects_a_deployment_and_every_deployment_has_its_policy():
    apps = {deployment["metadata"]["name"] for deployment in of_kind("Deployment")}
    assert {service["spec"]["selector"]["app"] for service in of_kind("Service")} == apps
    assert {policy["metadata"]["name"] for policy in of_kind("NetworkPolicy")} == apps | {"deny-all"}


def test_every_policy_but_the_default_lets_its_pods_ask_dns():
    for policy in of_kind("NetworkPolicy"):
        if policy["metadata"]["name"] != "deny-all":
            ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
            assert ports.count(53) == 2, policy["metadata"]["name"]
