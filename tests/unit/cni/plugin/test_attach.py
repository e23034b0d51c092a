"""Configuration and addresses come to the right port."""

from ipaddress import ip_address, ip_network
from pathlib import Path

from cni.ipam.ledger import Held
from cni.plugin import attach
from cni.spec.config import NodeNetwork

NODE = NodeNetwork(
    "node-1", "ns-node", (ip_network("10.244.1.0/24"), ip_network("fd00:10:244:1::/64")), 1450, Path("/x")
)
HELD = Held("uid", "ns-pod", "eth0", "shop/web-1", (ip_address("10.244.1.5"), ip_address("fd00:10:244:1::9")))


def test_the_port_has_the_ranges_prefixes_and_gateways_and_the_macs_that_follow_from_addresses():
    port = attach.port(NODE, HELD)

    assert [str(address) for address in port.addresses] == ["10.244.1.5/24", "fd00:10:244:1::9/64"]
    assert [str(gateway) for gateway in port.gateways] == ["10.244.1.1", "fd00:10:244:1::1"]
    assert (str(port.mac), str(port.gateway_mac)) == ("0a:58:0a:f4:01:05", "0a:58:0a:f4:01:01")
    assert (port.node_netns, port.netns, port.label) == ("ns-node", "ns-pod", "shop/web-1")


def test_the_result_tells_what_the_port_is():
    result = attach.result(attach.port(NODE, HELD))

    assert result.ips == HELD.addresses
    assert len(result.host_interface) <= 15
