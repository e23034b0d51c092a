"""Which UDP doors have flows that must go, by values alone."""

from ipaddress import ip_address, ip_network

from dataplane.model.service import Backend, ServicePort, Transport
from dataplane.services.contract import ServiceNode
from dataplane.services.stale import doors_changed

NODE = ServiceNode((ip_address("10.0.1.10"),), (ip_network("10.244.0.0/16"),), (ip_network("10.96.0.0/12"),))
DOOR = (ip_address("10.96.0.10").packed, 53)
NODE_DOOR = (ip_address("10.0.1.10").packed, 30053)


def dns(*last: int, transport: Transport = Transport.UDP, node_port: int | None = None) -> dict:
    backends = tuple(Backend(ip_address(f"10.244.1.{n}"), 5353) for n in last)
    return {
        "a/dns": (ServicePort("a/dns", "", ip_address("10.96.0.10"), transport, 53, backends, node_port),)
    }


def ends(*last: int) -> frozenset:
    return frozenset((ip_address(f"10.244.1.{n}").packed, 5353) for n in last)


def test_an_endpoint_that_goes_closes_its_flows_and_the_others_stay():
    assert doors_changed(dns(1, 2), dns(2), NODE) == {DOOR: ends(2)}


def test_an_endpoint_that_comes_closes_nothing():
    assert doors_changed(dns(1), dns(1, 2), NODE) == {}


def test_a_service_that_goes_closes_all_its_doors():
    assert doors_changed(dns(1, node_port=30053), {}, NODE) == {DOOR: frozenset(), NODE_DOOR: frozenset()}


def test_a_new_service_closes_flows_that_were_never_translated():
    assert doors_changed({}, dns(1), NODE) == {DOOR: ends(1)}


def test_tcp_is_left_alone():
    assert doors_changed(dns(1, transport=Transport.TCP), {}, NODE) == {}
