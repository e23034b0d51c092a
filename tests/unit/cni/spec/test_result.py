"""A result in the shape that each version of the specification asks for."""

from ipaddress import ip_address

import pytest

from cni.errors import ConfigInvalid, PoolExhausted
from cni.spec import version
from cni.spec.result import CniResult
from dataplane.model.address import MacAddress
from dataplane.model.topology import interface

RESULT = CniResult(
    "uid",
    "podwire-lab-pod-x",
    "eth0",
    "veth12345678",
    MacAddress.parse("0a:58:0a:f4:01:02"),
    (interface(ip_address("10.244.1.2"), 24), interface(ip_address("fd00:10:244:1::2"), 64)),
    (ip_address("10.244.1.1"), ip_address("fd00:10:244:1::1")),
)


def test_version_1_1_has_interfaces_with_mtu_and_addresses_that_point_at_the_pods():
    said = RESULT.as_json()

    assert said["cniVersion"] == "1.1.0"
    assert said["interfaces"][1] == {
        "name": "eth0", "mac": "0a:58:0a:f4:01:02", "sandbox": "/run/netns/podwire-lab-pod-x", "mtu": 1450
    }  # fmt: skip
    assert said["ips"][0] == {"address": "10.244.1.2/24", "gateway": "10.244.1.1", "interface": 1}
    assert [route["dst"] for route in said["routes"]] == ["0.0.0.0/0", "::/0"]


@pytest.mark.parametrize("spoken", ["0.3.1", "0.4.0"])
def test_before_1_0_each_address_says_its_family(spoken):
    assert [ip["version"] for ip in RESULT.as_json(spoken)["ips"]] == ["4", "6"]


def test_the_mtu_is_said_only_where_the_version_knows_it():
    assert "mtu" not in RESULT.as_json("1.0.0")["interfaces"][0]


@pytest.mark.parametrize(("verb", "spoken"), [("GC", "1.0.0"), ("STATUS", "1.0.0"), ("CHECK", "0.3.1")])
def test_a_verb_that_the_version_does_not_have_is_refused(verb, spoken):
    with pytest.raises(ConfigInvalid, match=verb):
        version.supported(spoken, verb)


def test_an_error_has_the_fields_of_the_specification():
    from ipaddress import ip_network

    said = PoolExhausted("node-1", ip_network("10.0.0.0/29"), 5, ["a/b"]).as_json("1.1.0")

    assert set(said) == {"cniVersion", "code", "msg", "details"}
    assert said["code"] == 100  # from 100 on they are a plugin's own
