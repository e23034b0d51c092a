"""Our bytes, read back by another codec (pyroute2's), say what was meant."""

import struct
from ipaddress import ip_address

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from dataplane.model.address import MacAddress
from dataplane.model.wiring import Link, LinkKind, Vxlan
from dataplane.netlink import link_order
from dataplane.netlink.link_order import PeerEnd
from dataplane.netlink.order import Order

MAC = MacAddress.parse("0a:58:0a:f4:01:05")


def read(kind: type, order: Order):
    """The order's body as pyroute2 understands it, behind a header of its own."""
    header = struct.pack("=IHHII", 16 + len(order.body), order.kind, order.flags, 1, 0)
    found = kind(header + order.body)
    found.decode()
    return found


def test_a_veth_is_made_down_as_a_port_of_the_bridge_with_its_far_end_in_the_pod():
    found = read(ifinfmsg, link_order.make_veth("veth1", 1450, 7, PeerEnd("eth0", MAC, 33)))
    info = found.get_attr("IFLA_LINKINFO")
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")

    assert (found.get_attr("IFLA_IFNAME"), found.get_attr("IFLA_MTU")) == ("veth1", 1450)
    assert (found.get_attr("IFLA_MASTER"), found["flags"]) == (7, 0)
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    assert (peer.get_attr("IFLA_IFNAME"), peer.get_attr("IFLA_ADDRESS")) == ("eth0", str(MAC))
    assert (peer.get_attr("IFLA_MTU"), peer.get_attr("IFLA_NET_NS_FD")) == (1450, 33)
    assert peer["flags"] == 0


def test_a_port_gets_hairpin_and_its_alias():
    found = read(ifinfmsg, link_order.set_port("veth1", "shop/web-1", ipv6=True))
    slave = found.get_attr("IFLA_LINKINFO")

    assert found.get_attr("IFLA_IFALIAS") == "shop/web-1"
    assert slave.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge"
    assert slave.get_attr("IFLA_INFO_SLAVE_DATA").get_attr("IFLA_BRPORT_MODE") == 1


@pytest.mark.parametrize(("make", "flag"), [(link_order.set_up, 1), (link_order.set_down, 0)])
def test_a_link_is_put_up_and_down_and_nothing_else_of_it_changes(make, flag):
    found = read(ifinfmsg, make("eth0"))

    assert (found["flags"], found["change"]) == (flag, 1)


def test_a_bridge_forwards_at_once_and_does_not_snoop():
    found = read(ifinfmsg, link_order.make_bridge(Link("cni0", LinkKind.BRIDGE, 1450, MAC)))
    info = found.get_attr("IFLA_LINKINFO")
    data = info.get_attr("IFLA_INFO_DATA")

    assert (found.get_attr("IFLA_IFNAME"), found.get_attr("IFLA_ADDRESS")) == ("cni0", str(MAC))
    assert info.get_attr("IFLA_INFO_KIND") == "bridge"
    for setting in ("IFLA_BR_STP_STATE", "IFLA_BR_FORWARD_DELAY", "IFLA_BR_MCAST_SNOOPING"):
        assert data.get_attr(setting) == 0


@pytest.mark.parametrize(
    ("local", "name"), [("10.0.1.9", "IFLA_VXLAN_LOCAL"), ("fd00::9", "IFLA_VXLAN_LOCAL6")]
)
def test_an_overlay_device_learns_nothing_and_lets_the_underlay_fragment(local, name):
    vxlan = Vxlan(1, 4789, ip_address(local), "eth0")
    found = read(ifinfmsg, link_order.make_vxlan(Link("vxlan1", LinkKind.VXLAN, 1450, MAC), vxlan, 7))
    data = found.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")

    assert (data.get_attr("IFLA_VXLAN_ID"), data.get_attr("IFLA_VXLAN_PORT")) == (1, 4789)
    assert (data.get_attr("IFLA_VXLAN_LINK"), data.get_attr(name)) == (7, local)
    assert (data.get_attr("IFLA_VXLAN_LEARNING"), data.get_attr("IFLA_VXLAN_DF")) == (0, 0)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_port_is_kept_from_other_ports_only_when_asked(isolated):
    found = read(ifinfmsg, link_order.set_port("veth1", "", ipv6=False, isolated=isolated))
    data = found.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_SLAVE_DATA")

    assert data.get_attr("IFLA_BRPORT_ISOLATED") == (1 if isolated else None)
    assert found.get_attr("IFLA_IFALIAS") is None
    assert found.get_attr("IFLA_AF_SPEC") is None
