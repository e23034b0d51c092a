"""What TO[:PORT] means."""

from ipaddress import ip_address

import pytest

from control.errors import AimInvalid, NoSuchPlace
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
        ("db:http", "10.244.2.3", 8080),
        ("svc/db:http", "10.96.0.20", 80),
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
    for text in ("svc/db:80", "svc/db:http", "svc/db:30080"):
        assert aim_at(atlas, text, outside).port == 30080
    with pytest.raises(AimInvalid) as refused:
        aim_at(atlas, "svc/db:9999", outside)
    assert "no TCP port 9999" in refused.value.what


def test_an_echo_needs_no_port(atlas):
    assert host_port(_aim(atlas, "node-1", "icmp")) == "10.0.1.10"
    assert host_port(_aim(atlas, "svc/db")) == "10.96.0.20:80"


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("svc/nobody", NoSuchPlace, "shop/svc/db"),
        ("nobody", NoSuchPlace, "svc/NAME"),
        ("node/node-9:1", NoSuchPlace, "node-1, node-2"),
        ("svc", NoSuchPlace, "svc/NAME"),
        ("deploy", NoSuchPlace, "deploy/NAME"),
        ("deploy/", NoSuchPlace, "deploy/NAME"),
        ("", NoSuchPlace, "NAMESPACE/POD"),
        ("pending", NoSuchPlace, "Pod shop/pending is Pending"),
        ("finished", NoSuchPlace, "Pod shop/finished is Succeeded"),
        ("svc/alias", NoSuchPlace, "another name for example.com"),
        ("node-1", AimInvalid, "which port"),
        ("fd00::1", AimInvalid, "[fd00::1]:PORT"),
        ("db:admin", AimInvalid, "no TCP port of the name 'admin'"),
        ("svc/db:admin", AimInvalid, "it has 80 (http)"),
        ("node-1:http", AimInvalid, "not a port"),
        ("db:70000", AimInvalid, "not a port"),
        ("db:", AimInvalid, "not a port"),
        ("224.0.0.1:80", AimInvalid, "not the address of one host"),
        ("255.255.255.255:80", AimInvalid, "not the address of one host"),
        ("0.0.0.0:80", AimInvalid, "not the address of one host"),
        ("[fe80::1%eth0]:80", AimInvalid, "not the address of one host"),
    ],
)
def test_what_is_not_there_is_refused_by_name(atlas, text, error, said):
    with pytest.raises(error) as refused:
        _aim(atlas, text)
    assert said in f"{refused.value.what} {refused.value.mend}"


def test_a_service_without_a_port_of_that_protocol_is_bad_use(atlas):
    with pytest.raises(AimInvalid) as refused:
        _aim(atlas, "svc/db", "udp")
    assert "no UDP port" in refused.value.what
