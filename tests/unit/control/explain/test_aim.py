"""What TO[:PORT] means."""

from ipaddress import ip_address

import pytest

from control.errors import NoSuchPlace, UsageError
from control.explain.aim import Aim, Asker, aim_at, host_port
from dataplane.model.address import Family


def _aim(atlas, text: str, protocol: str = "tcp") -> Aim:
    return aim_at(atlas, text, Asker(protocol, Family.V4, "shop"))


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("svc/db", "10.96.0.20", 80),
        ("svc/db:443", "10.96.0.20", 443),
        ("shop/svc/db", "10.96.0.20", 80),
        ("svc/shop/db", "10.96.0.20", 80),
        ("svc/headless", "10.244.2.3", 8080),
        ("shop/db", "10.244.2.3", 8080),
        ("db:9", "10.244.2.3", 9),
        ("pod/db", "10.244.2.3", 8080),
        ("node/node-1:30080", "10.0.1.10", 30080),
        ("node-1:30080", "10.0.1.10", 30080),
        ("10.1.2.3:5", "10.1.2.3", 5),
        ("[2001:db8::1]:5", "2001:db8::1", 5),
        ("internet", "8.8.8.8", 80),
    ],
)
def test_a_place_is_an_address_and_a_port(atlas, text, address, port):
    found = _aim(atlas, text)
    assert (found.address, found.port) == (ip_address(address), port)


def test_all_who_may_answer_are_known_beforehand(atlas):
    assert ip_address("10.244.2.3") in _aim(atlas, "svc/db").answers
    assert ip_address("10.244.2.3") in _aim(atlas, "node-1:30080").answers
    assert _aim(atlas, "svc/empty").answers == (ip_address("10.96.0.30"),)


def test_from_the_internet_a_service_is_met_at_its_node_port(atlas):
    outside = Asker("tcp", Family.V4, "shop", outside=True)
    met = aim_at(atlas, "svc/db", outside)
    assert (met.address, met.port) == (ip_address("10.0.1.10"), 30080)
    assert aim_at(atlas, "svc/empty", outside).address == ip_address("10.96.0.30")


def test_an_echo_needs_no_port(atlas):
    assert host_port(_aim(atlas, "node-1", "icmp")) == "10.0.1.10"
    assert host_port(_aim(atlas, "svc/db")) == "10.96.0.20:80"


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("svc/nobody", NoSuchPlace, "shop/svc/db"),
        ("nobody", NoSuchPlace, "svc/NAME"),
        ("node/node-9:1", NoSuchPlace, "node-1, node-2"),
        ("node-1", UsageError, "which port"),
        ("db:http", UsageError, "not a port"),
        ("db:70000", UsageError, "not a port"),
    ],
)
def test_what_is_not_there_is_refused_by_name(atlas, text, error, said):
    with pytest.raises(error) as refused:
        _aim(atlas, text)
    assert said in f"{refused.value.what} {refused.value.mend}"


def test_a_service_without_a_port_of_that_protocol_is_bad_use(atlas):
    with pytest.raises(UsageError) as refused:
        _aim(atlas, "svc/db", "udp")
    assert "no UDP port" in refused.value.what
