"""Where a container's variables come from."""

import base64

import pytest

from control.agents.environment import Sources, declared, expand, field_value, names_needed, service_links
from control.agents.kubelet_errors import ConfigError

POD = {
    "metadata": {
        "name": "web", "namespace": "shop", "uid": "u", "labels": {"b": "2", "a": 'say "hi"\n'},
        "annotations": {"x/y": "z"},
    },
    "spec": {"nodeName": "node-1", "containers": [], "serviceAccountName": "sa"},
}  # fmt: skip
SECRET = {"kind": "Secret", "data": {"PASS": base64.b64encode(b"pa ss").decode()}}
SOURCES = Sources(
    configmaps={"cm": {"kind": "ConfigMap", "data": {"A": "1"}}, "none": None},
    secrets={"s": SECRET},
    links={"DB_SERVICE_HOST": "10.96.0.9"},
    addresses=("10.244.1.2", "fd00::2"),
    node_addresses=("10.0.1.10",),
    capacity={"cpu": "2", "memory": "4194304Ki"},
)


def variables(*env, **container):
    return declared(POD, {"name": "c", "env": list(env), **container}, SOURCES)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"), ("x$(A)y$(A)", "x1y1"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$$$(A)", "$1"),
        ("$A", "$A"), ("$", "$"), ("$(A", "$(A"),
    ],
)  # fmt: skip
def test_references_are_expanded_as_kubernetes_does(text, expanded):
    assert expand(text, {"A": "1"}) == expanded


def test_later_variables_see_earlier_ones_and_service_links():
    found = variables(
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)/$(DB_SERVICE_HOST)/$(C)"},
        {"name": "C", "value": "3"},
    )
    assert found == {"A": "1", "B": "1/10.96.0.9/$(C)", "C": "3"}


def test_env_wins_over_env_from_and_a_later_source_over_an_earlier():
    found = variables(
        {"name": "A", "value": "own"},
        envFrom=[{"configMapRef": {"name": "cm"}}, {"prefix": "P_", "secretRef": {"name": "s"}}],
    )
    assert found == {"A": "own", "P_PASS": "pa ss"}


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "A"}}, 'configmap "none" not found'),
        ({"configMapKeyRef": {"name": "cm", "key": "B"}}, "couldn't find key B in ConfigMap shop/cm"),
        ({"secretKeyRef": {"name": "s", "key": "B"}}, "couldn't find key B in Secret shop/s"),
        ({"fieldRef": {"fieldPath": "spec.nope"}}, "unsupported fieldPath: spec.nope"),
    ],
)
def test_what_is_missing_is_told_in_upstream_s_words(origin, message):
    with pytest.raises(ConfigError) as caught:
        variables({"name": "X", "valueFrom": origin})
    assert str(caught.value) == message


def test_optional_sources_may_be_missing():
    assert (
        variables(
            {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "A", "optional": True}}}
        )
        == {}
    )
    assert variables(envFrom=[{"configMapRef": {"name": "none", "optional": True}}]) == {}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web"), ("spec.serviceAccountName", "sa"), ("status.podIPs", "10.244.1.2,fd00::2"),
        ("status.hostIP", "10.0.1.10"), ("metadata.annotations['x/y']", "z"), ("metadata.labels['none']", ""),
        ("metadata.labels", 'a="say \\"hi\\"\\n"\nb="2"'),
    ],
)  # fmt: skip
def test_fields_of_the_downward_api(path, value):
    assert field_value(POD, path, SOURCES) == value


def test_resources_are_rounded_up_and_default_to_the_node():
    container = {"resources": {"limits": {"cpu": "250m"}}}
    refs = {"CPU": {"resource": "limits.cpu"}, "MILLI": {"resource": "limits.cpu", "divisor": "1m"},
            "MEM": {"resource": "limits.memory", "divisor": "1Gi"}, "REQ": {"resource": "requests.cpu"}}  # fmt: skip
    env = [{"name": name, "valueFrom": {"resourceFieldRef": ref}} for name, ref in refs.items()]
    assert variables(*env, **container) == {"CPU": "1", "MILLI": "250", "MEM": "4", "REQ": "0"}


def test_service_links_are_those_of_docker():
    service = {
        "metadata": {"name": "my-db"},
        "spec": {
            "clusterIP": "10.96.0.9",
            "ports": [{"port": 5432, "name": "pg-main"}, {"port": 53, "protocol": "UDP"}],
        },
    }
    headless = {"metadata": {"name": "h"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}}
    found = service_links([service, headless])
    assert found["MY_DB_SERVICE_HOST"] == "10.96.0.9"
    assert found["MY_DB_SERVICE_PORT"] == found["MY_DB_SERVICE_PORT_PG_MAIN"] == "5432"
    assert found["MY_DB_PORT"] == found["MY_DB_PORT_5432_TCP"] == "tcp://10.96.0.9:5432"
    assert found["MY_DB_PORT_53_UDP_PROTO"] == "udp"
    assert not any(name.startswith("H_") for name in found)


def test_the_names_needed_are_found_beforehand():
    container = {
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "k"}}},
            {"name": "B", "value": "x"},
        ],
        "envFrom": [{"configMapRef": {"name": "c1"}}, {"secretRef": {"name": "s2"}}],
    }
    assert names_needed(container) == ({"c1"}, {"s1", "s2"})
