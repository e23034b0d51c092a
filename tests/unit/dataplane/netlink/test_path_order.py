"""Our bytes, read back by another codec (pyroute2's), say what was meant."""

import socket
import struct
from ipaddress import ip_address, ip_network

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from dataplane.model.address import MacAddress
from dataplane.model.topology import interface
from dataplane.model.wiring import EVERYWHERE, ForwardingEntry, Route
from dataplane.netlink import path_order
from dataplane.netlink.order import Order

MAC = MacAddress.parse("0a:58:0a:f4:01:05")


def read(kind: type, order: Order):
    """The order's body as pyroute2 understands it, behind a header of its own."""
    header = struct.pack("=IHHII", 16 + len(order.body), order.kind, order.flags, 1, 0)
    found = kind(header + order.body)
    found.decode()
    return found


@pytest.mark.parametrize(
    ("address", "prefix", "flags"), [("10.244.1.5", 24, None), ("fd00:10:244:1::5", 64, 2)]
)
def test_an_address_is_usable_at_once(address, prefix, flags):
    found = read(ifaddrmsg, path_order.add_address(10, interface(ip_address(address), prefix)))

    assert (found["index"], found["prefixlen"]) == (10, prefix)
    assert found.get_attr("IFA_LOCAL") == found.get_attr("IFA_ADDRESS") == address
    assert found.get_attr("IFA_FLAGS") == flags


@pytest.mark.parametrize("gateway", ["10.244.1.1", "fd00:10:244:1::1"])
def test_the_default_route_goes_by_the_gateway(gateway):
    found = read(
        rtmsg,
        path_order.add_route(
            10, Route(EVERYWHERE[ip_address(gateway).version], "eth0", via=ip_address(gateway))
        ),
    )

    assert (found["dst_len"], found["table"], found["type"]) == (0, 254, 1)
    assert (found.get_attr("RTA_GATEWAY"), found.get_attr("RTA_OIF")) == (gateway, 10)


@pytest.mark.parametrize("address", ["10.244.1.1", "fd00:10:244:1::1"])
def test_a_neighbour_is_permanent(address):
    found = read(ndmsg, path_order.add_neighbour(10, ip_address(address), MAC))

    assert (found["ifindex"], found["state"]) == (10, 0x80)
    assert (found.get_attr("NDA_DST"), found.get_attr("NDA_LLADDR")) == (address, str(MAC))


@pytest.mark.parametrize(
    ("to", "via"), [("10.244.2.0/24", "10.244.2.0"), ("fd00:10:244:2::/64", "fd00:10:244:2::")]
)
def test_a_next_hop_of_the_overlay_is_on_the_link_though_no_network_says_so(to, via):
    found = read(
        rtmsg, path_order.add_route(4, Route(ip_network(to), "vxlan1", ip_address(via), onlink=True))
    )

    assert found["flags"] == 4
    assert (found["dst_len"], found["proto"]) == (ip_network(to).prefixlen, 112)
    assert (found.get_attr("RTA_DST"), found.get_attr("RTA_GATEWAY")) == (to.split("/")[0], via)


@pytest.mark.parametrize("network", ["203.0.113.0/24", "2001:db8::/32"])
def test_a_range_that_is_answered_for_here_is_in_the_local_table(network):
    found = read(rtmsg, path_order.add_route(1, Route(ip_network(network), "lo", local=True)))

    assert (found["table"], found["type"], found["scope"]) == (255, 2, 254)


def test_a_forwarding_entry_is_the_devices_own():
    entry = ForwardingEntry("vxlan1", MAC, ip_address("10.0.1.11"))
    found = read(ndmsg, path_order.add_forwarding(4, entry))

    assert (found["family"], found["flags"], found["state"]) == (socket.AF_BRIDGE, 2, 0x80)
    assert (found.get_attr("NDA_LLADDR"), found.get_attr("NDA_DST")) == (str(MAC), "10.0.1.11")
