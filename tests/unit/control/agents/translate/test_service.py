"""Services and EndpointSlices as JSON, read into values."""

from ipaddress import ip_address

import pytest

from control.agents.translate.service import service_of_slice, service_ports
from dataplane.model.service import Affinity, Backend, TrafficScope, Transport


def service(**spec) -> dict:
    defaults = {
        "type": "ClusterIP",
        "clusterIP": "10.96.0.20",
        "clusterIPs": ["10.96.0.20"],
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web"}],
    }
    return {"metadata": {"namespace": "shop", "name": "web", "uid": "u"}, "spec": defaults | spec}


def endpoint_slice(*endpoints: dict, family: str = "IPv4", ports: list | None = None) -> dict:
    return {
        "metadata": {"namespace": "shop", "name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": family,
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}] if ports is None else ports,
        "endpoints": list(endpoints),
    }


def endpoint(address: str, node: str = "node-1", **conditions) -> dict:
    return {"addresses": [address], "nodeName": node, "conditions": conditions or {"ready": True}}


def backends(*slices: dict, node: str = "node-1") -> tuple[Backend, ...]:
    (port,) = service_ports(service(), slices, node)
    return port.backends


def test_a_port_has_its_cluster_ip_its_transport_and_its_origin():
    (port,) = service_ports(service(), [], "node-1")

    assert (port.cluster_ip, port.transport, port.port, port.node_port) == (
        ip_address("10.96.0.20"),
        Transport.TCP,
        80,
        None,
    )
    assert port.comment == "Service shop/web spec.ports[0]"


def test_a_named_port_is_the_number_in_the_slice():
    assert backends(endpoint_slice(endpoint("10.244.1.5"))) == (
        Backend(ip_address("10.244.1.5"), 8080, local=True),
    )


def test_a_slices_port_of_another_name_or_protocol_is_another_port():
    other = endpoint_slice(endpoint("10.244.1.5"), ports=[{"name": "dns", "port": 53, "protocol": "TCP"}])
    udp = endpoint_slice(endpoint("10.244.1.5"), ports=[{"name": "http", "port": 80, "protocol": "UDP"}])

    assert backends(other, udp) == ()


def test_a_slice_port_without_a_name_is_the_service_port_without_one():
    unnamed = endpoint_slice(endpoint("10.244.1.5"), ports=[{"name": "", "port": 6443, "protocol": "TCP"}])

    (port,) = service_ports(service(ports=[{"port": 443}]), [unnamed], "cp")

    assert [backend.port for backend in port.backends] == [6443]


@pytest.mark.parametrize(
    ("conditions", "counts", "draining"),
    [
        ({}, True, False),
        ({"ready": True, "serving": True}, True, False),
        ({"ready": False}, False, False),
        ({"ready": False, "serving": True, "terminating": True}, True, True),
        ({"ready": False, "serving": False, "terminating": True}, False, False),
        ({"ready": False, "serving": True, "terminating": False}, False, False),
    ],
)
def test_readiness_decides_and_what_terminates_may_still_serve(conditions, counts, draining):
    each = {"addresses": ["10.244.1.5"], "nodeName": "node-2", "conditions": conditions}

    expected = (Backend(ip_address("10.244.1.5"), 8080, draining=draining),) if counts else ()
    assert backends(endpoint_slice(each)) == expected


def test_an_endpoint_in_two_slices_counts_once_and_as_ready():
    leaving = endpoint("10.244.1.5", ready=False, serving=True, terminating=True)

    (backend,) = backends(endpoint_slice(leaving), endpoint_slice(endpoint("10.244.1.5")))

    assert not backend.draining


def test_each_family_has_its_address_and_its_endpoints():
    both = service(clusterIPs=["10.96.0.20", "fd00:10:96::20"])
    slices = [
        endpoint_slice(endpoint("10.244.1.5")),
        endpoint_slice(endpoint("fd00:10:244:1::5"), family="IPv6"),
    ]

    four, six = service_ports(both, slices, "node-1")

    assert [str(b.address) for b in four.backends] == ["10.244.1.5"]
    assert [str(b.address) for b in six.backends] == ["fd00:10:244:1::5"]


def test_an_address_of_another_family_than_its_slices_is_left_out():
    assert backends(endpoint_slice(endpoint("fd00:10:244:1::5"), endpoint("10.244.1.5"))) == (
        Backend(ip_address("10.244.1.5"), 8080, local=True),
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "None", "clusterIPs": ["None"]},
        {"type": "ExternalName", "clusterIP": "", "clusterIPs": None, "externalName": "example.org"},
        {"clusterIP": None, "clusterIPs": None},
        {"ports": None},
    ],
    ids=["headless", "external name", "no address yet", "no ports"],
)
def test_what_has_no_address_or_port_has_no_rules(spec):
    assert service_ports(service(**spec), [endpoint_slice(endpoint("10.244.1.5"))], "node-1") == ()


def test_a_service_that_is_gone_has_no_rules():
    assert service_ports(None, [endpoint_slice(endpoint("10.244.1.5"))], "node-1") == ()


@pytest.mark.parametrize(
    ("kind", "number"), [("NodePort", 30080), ("LoadBalancer", 30080), ("ClusterIP", None)]
)
def test_a_load_balancer_is_a_node_port(kind, number):
    ports = [{"name": "http", "port": 80, "nodePort": 30080}]

    (port,) = service_ports(service(type=kind, ports=ports), [], "node-1")

    assert port.node_port == number


def test_affinity_and_traffic_policies():
    spec = {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        "internalTrafficPolicy": "Local",
        "externalTrafficPolicy": "Local",
    }

    (port,) = service_ports(service(**spec), [], "node-1")

    assert (port.affinity, port.internal, port.external) == (
        Affinity(60),
        TrafficScope.LOCAL,
        TrafficScope.LOCAL,
    )


def test_a_slice_belongs_to_the_service_that_its_label_names():
    assert service_of_slice(endpoint_slice()) == "shop/web"
    assert service_of_slice({"metadata": {"namespace": "shop", "name": "x"}}) is None
