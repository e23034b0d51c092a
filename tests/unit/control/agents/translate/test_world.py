"""Kubernetes JSON to the facts that policies are judged by."""

from ipaddress import ip_address

from control.agents.translate.world import namespace_facts, node_facts, pod_facts
from policy.world import NamedPort

POD = {
    "metadata": {"namespace": "shop", "name": "api-1", "uid": "u1", "labels": {"app": "api"}},
    "spec": {
        "nodeName": "node-1",
        "initContainers": [
            {"name": "once", "ports": [{"name": "once", "containerPort": 1}]},
            {
                "name": "sidecar",
                "restartPolicy": "Always",
                "ports": [{"name": "metrics", "containerPort": 9}],
            },
        ],
        "containers": [
            {
                "name": "api",
                "ports": [
                    {"name": "grpc", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                    {"containerPort": 7},
                ],
            }
        ],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.244.1.2",
        "podIPs": [{"ip": "10.244.1.2"}, {"ip": "fd00::2"}],
    },
}


def test_a_pod_has_its_addresses_and_the_named_ports_of_containers_that_run():
    facts = pod_facts(POD)

    assert facts.ips == (ip_address("10.244.1.2"), ip_address("fd00::2"))
    assert facts.ports == {NamedPort("grpc", 6, 8080), NamedPort("dns", 17, 53), NamedPort("metrics", 6, 9)}
    assert (facts.key, facts.node, facts.finished, facts.host_network) == (
        "shop/api-1",
        "node-1",
        False,
        False,
    )


def test_what_its_node_gave_it_goes_before_what_its_status_says():
    given = ip_address("10.244.1.9")

    assert pod_facts(POD, [given]).ips == (given,)


def test_a_pod_without_status_and_one_that_has_ended():
    assert pod_facts({"metadata": POD["metadata"]}).ips == ()
    assert pod_facts({**POD, "status": {"phase": "Succeeded"}}).finished


def test_a_namespace_always_has_its_name_among_its_labels():
    assert namespace_facts({"metadata": {"name": "shop"}}).labels == {"kubernetes.io/metadata.name": "shop"}


def test_a_node_shows_its_own_address_the_overlays_and_the_bridges():
    node = {
        "metadata": {"name": "node-1"},
        "spec": {"podCIDRs": ["10.244.1.0/24"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "10.0.1.10"},
                {"type": "Hostname", "address": "n"},
            ]
        },
    }

    assert [str(a) for a in node_facts(node).addresses] == ["10.0.1.10", "10.244.1.0", "10.244.1.1"]
