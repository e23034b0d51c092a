"""Endpoints keep their numbers."""

from ipaddress import ip_address, ip_network

from dataplane.model.service import Backend, ServicePort, Transport
from dataplane.services.contract import ServiceNode
from dataplane.services.nft_sync import ruleset
from dataplane.services.places import keep_places, places_in_kernel, places_of

NODE = ServiceNode((), (ip_network("10.244.0.0/16"),), (ip_network("10.96.0.0/12"),))


def web(*last: int) -> tuple[ServicePort, ...]:
    backends = tuple(Backend(ip_address(f"10.244.1.{n}"), 80) for n in last)
    return (ServicePort("default/web", "", ip_address("10.96.0.1"), Transport.TCP, 80, backends),)


def order(ports: tuple[ServicePort, ...]) -> list[int]:
    return [int(str(backend.address).rpartition(".")[2]) for backend in ports[0].backends]


def test_the_last_endpoint_takes_the_place_of_the_one_that_went():
    assert order(keep_places(web(2, 3, 4, 5), places_of(web(1, 2, 3, 4, 5)))) == [5, 2, 3, 4]


def test_a_new_endpoint_takes_the_free_place_and_moves_nobody():
    assert order(keep_places(web(1, 2, 3, 4), places_of(web(2, 3, 4)))) == [2, 3, 4, 1]
    assert order(keep_places(web(1, 3, 9), places_of(web(1, 2, 3)))) == [1, 9, 3]


def test_without_a_before_the_order_is_the_given_one():
    assert order(keep_places(web(1, 2), {})) == [1, 2]


def test_all_at_once_is_fine():
    assert order(keep_places(web(7, 8), places_of(web(1, 2, 3)))) == [7, 8]
    assert order(keep_places(web(), places_of(web(1, 2, 3)))) == []


def test_the_kernels_map_tells_the_numbers():
    ports = web(3, 1, 2)
    endpoints = ruleset({"default/web": ports}, NODE).tables[0].set_by_name["endpoints4"].elements

    assert order(keep_places(web(1, 2, 3), places_in_kernel(endpoints))) == [3, 1, 2]
