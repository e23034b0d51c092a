"""Our bytes, read back by another codec (pyroute2's), say what was meant."""

from ipaddress import ip_address

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from dataplane.model.address import MacAddress
from dataplane.model.topology import interface
from dataplane.netlink import message
from dataplane.netlink.message import Order, PeerEnd

MAC = MacAddress.parse("0a:58:0a:f4:01:05")


def read(kind: type, order: Order):
    """The order's body as pyroute2 understands it, behind a header of its own."""
    import struct

    header = struct.pack("=IHHII", 16 + len(order.body), order.kind, order.flags, 1, 0)
    found = kind(header + order.body)
    found.decode()
    return found


def test_a_veth_is_made_down_as_a_port_of_the_bridge_with_its_far_end_in_the_pod():
    found = read(ifinfmsg, message.make_veth("veth1", 1450, 7, PeerEnd("eth0", MAC, 33)))
    info = found.get_attr("IFLA_LINKINFO")
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")

    assert (found.get_attr("IFLA_IFNAME"), found.get_attr("IFLA_MTU")) == ("veth1", 1450)
    assert (found.get_attr("IFLA_MASTER"), found["flags"]) == (7, 0)
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    assert (peer.get_attr("IFLA_IFNAME"), peer.get_attr("IFLA_ADDRESS")) == ("eth0", str(MAC))
    assert (peer.get_attr("IFLA_MTU"), peer.get_attr("IFLA_NET_NS_FD")) == (1450, 33)
    assert peer["flags"] == 0


def test_a_port_gets_hairpin_and_its_alias():
    found = read(ifinfmsg, message.set_port("veth1", "shop/web-1"))
    slave = found.get_attr("IFLA_LINKINFO")

    assert found.get_attr("IFLA_IFALIAS") == "shop/web-1"
    assert slave.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge"
    assert slave.get_attr("IFLA_INFO_SLAVE_DATA").get_attr("IFLA_BRPORT_MODE") == 1


@pytest.mark.parametrize(("make", "flag"), [(message.set_up, 1), (message.set_down, 0)])
def test_a_link_is_put_up_and_down_and_nothing_else_of_it_changes(make, flag):
    found = read(ifinfmsg, make("eth0"))

    assert (found["flags"], found["change"]) == (flag, 1)


@pytest.mark.parametrize(
    ("address", "prefix", "flags"), [("10.244.1.5", 24, None), ("fd00:10:244:1::5", 64, 2)]
)
def test_an_address_is_usable_at_once(address, prefix, flags):
    found = read(ifaddrmsg, message.add_address(10, interface(ip_address(address), prefix)))

    assert (found["index"], found["prefixlen"]) == (10, prefix)
    assert found.get_attr("IFA_LOCAL") == found.get_attr("IFA_ADDRESS") == address
    assert found.get_attr("IFA_FLAGS") == flags


@pytest.mark.parametrize("gateway", ["10.244.1.1", "fd00:10:244:1::1"])
def test_the_default_route_goes_by_the_gateway(gateway):
    found = read(rtmsg, message.default_route(10, ip_address(gateway)))

    assert (found["dst_len"], found["table"], found["type"]) == (0, 254, 1)
    assert (found.get_attr("RTA_GATEWAY"), found.get_attr("RTA_OIF")) == (gateway, 10)


@pytest.mark.parametrize("address", ["10.244.1.1", "fd00:10:244:1::1"])
def test_a_neighbour_is_permanent(address):
    found = read(ndmsg, message.add_neighbour(10, ip_address(address), MAC))

    assert (found["ifindex"], found["state"]) == (10, 0x80)
    assert (found.get_attr("NDA_DST"), found.get_attr("NDA_LLADDR")) == (address, str(MAC))
