"""Links made, set and asked for, as bytes: the hot path of pods and of a lab's first build.

Numbers from linux/rtnetlink.h, if_link.h and veth.h of the kernel's user API.
"""

import socket
import struct
from dataclasses import dataclass

from dataplane.model.address import MacAddress
from dataplane.model.wiring import Link, Vxlan
from dataplane.netlink.order import CREATE, EXCL, Order, attribute, nested, text, u8, u32

NEWLINK, DELLINK, GETLINK, NEWQDISC = 16, 17, 18, 36
_IFF_UP = 1
_ADDRESS, _IFNAME, _MTU, _MASTER, _LINKINFO, _IFALIAS, _AF_SPEC, _NET_NS_FD = (
    1,
    3,
    4,
    10,
    18,
    20,
    26,
    28,
)  # IFLA_*
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_INFO_PEER = 1
_ADDR_GEN_MODE, _NONE = 8, 1  # IFLA_INET6_ADDR_GEN_MODE
_BR_FORWARD_DELAY, _BR_STP_STATE, _BR_MCAST_SNOOPING = 1, 5, 23
_BRPORT_MODE, _BRPORT_ISOLATED = 4, 33
_VXLAN_ID, _VXLAN_LINK, _VXLAN_LOCAL, _VXLAN_LEARNING, _VXLAN_PORT = 1, 3, 4, 7, 15
_VXLAN_LOCAL6, _VXLAN_DF = 17, 29
_TC_H_ROOT, _TCA_KIND = 0xFFFFFFFF, 1


@dataclass(frozen=True, slots=True)
class PeerEnd:
    """The far end of a veth at its making. netns: a descriptor."""

    name: str
    mac: MacAddress
    netns: int


def make_veth(name: str, mtu: int, master: int, peer: PeerEnd) -> Order:
    """A veth, both ends down; this end a port of the bridge with index ``master``."""
    far = (
        _header()
        + text(_IFNAME, peer.name)
        + attribute(_ADDRESS, peer.mac.packed)
        + u32(_MTU, mtu)
        + u32(_NET_NS_FD, peer.netns)
    )
    info = text(_INFO_KIND, "veth") + nested(_INFO_DATA, nested(_VETH_INFO_PEER, far))
    body = _header() + text(_IFNAME, name) + u32(_MTU, mtu) + u32(_MASTER, master) + nested(_LINKINFO, info)
    return Order(NEWLINK, CREATE | EXCL, body, f"make link {name}")


def make_bridge(link: Link) -> Order:
    """A bridge, down. Snooping without a querier would in time stop neighbour solicitations: it is off."""
    data = u32(_BR_STP_STATE, 0) + u32(_BR_FORWARD_DELAY, 0) + u8(_BR_MCAST_SNOOPING, 0)
    return _make(link, data)


def make_vxlan(link: Link, vxlan: Vxlan, parent: int) -> Order:
    """An overlay device, down, as flannel has it: no learning; df unset, since df set is a black hole."""
    local = vxlan.local
    data = (
        u32(_VXLAN_ID, vxlan.vni)
        + u32(_VXLAN_LINK, parent)
        + attribute(_VXLAN_LOCAL if local.version == 4 else _VXLAN_LOCAL6, local.packed)
        + attribute(_VXLAN_PORT, struct.pack(">H", vxlan.port))
        + u8(_VXLAN_LEARNING, 0)
        + u8(_VXLAN_DF, 0)
    )
    return _make(link, data)


def set_right(link: Link) -> Order:
    """MAC, MTU, alias, and up."""
    body = _header(flags=_IFF_UP, change=_IFF_UP) + text(_IFNAME, link.name) + u32(_MTU, link.mtu)
    if link.mac:
        body += attribute(_ADDRESS, link.mac.packed)
    if link.alias:
        body += attribute(_IFALIAS, link.alias.encode()[:255])
    return Order(NEWLINK, 0, body, f"set link {link.name}")


def set_port(name: str, alias: str, *, ipv6: bool, isolated: bool = False) -> Order:
    """How a bridge treats a pod's port, and the port's alias.

    Hairpin is on, so that a pod reaches itself by its Service. ipv6: the port would give itself an address, and is
    told not to. isolated: no frame goes to another such port.
    """
    port = u8(_BRPORT_MODE, 1) + (u8(_BRPORT_ISOLATED, 1) if isolated else b"")
    slave = text(_INFO_SLAVE_KIND, "bridge") + nested(_INFO_SLAVE_DATA, port)
    body = _header() + text(_IFNAME, name) + nested(_LINKINFO, slave)
    if ipv6:
        body += nested(_AF_SPEC, nested(socket.AF_INET6, u8(_ADDR_GEN_MODE, _NONE)))
    if alias:
        body += attribute(_IFALIAS, alias.encode()[:255])
    return Order(NEWLINK, 0, body, f"set port {name}")


def set_master(name: str, master: int) -> Order:
    """A link made a port of the bridge with index ``master``; it may be one."""
    return Order(NEWLINK, 0, _header() + text(_IFNAME, name) + u32(_MASTER, master), f"plug in {name}")


def set_up(name: str) -> Order:
    """A link up."""
    body = _header(flags=_IFF_UP, change=_IFF_UP) + text(_IFNAME, name)
    return Order(NEWLINK, 0, body, f"put {name} up")


def set_down(name: str, *answers: int) -> Order:
    """A link down."""
    body = _header(change=_IFF_UP) + text(_IFNAME, name)
    return Order(NEWLINK, 0, body, f"put {name} down", answers)


def delete_link(name: str, *answers: int) -> Order:
    """A link gone, and its peer with it."""
    return Order(DELLINK, 0, _header() + text(_IFNAME, name), f"delete link {name}", answers)


def get_link(name: str, *answers: int) -> Order:
    """Ask for a link; the answer is a message that starts with its header (``index_in``)."""
    return Order(GETLINK, 0, _header() + text(_IFNAME, name), f"find link {name}", answers)


def index_in(answer: bytes) -> int:
    """The link's index in the answer to ``get_link``."""
    return int(struct.unpack_from("=i", answer, 4)[0])


def try_link(kind: str, name: str) -> Order:
    """A link with nothing but its kind: does the kernel know the kind? (EOPNOTSUPP when not)."""
    body = _header() + text(_IFNAME, name) + nested(_LINKINFO, text(_INFO_KIND, kind))
    return Order(NEWLINK, CREATE | EXCL, body, f"try a link of kind {kind}")


def try_qdisc(kind: str, index: int) -> Order:
    """A queueing discipline at a link's root, without options: does the kernel know the kind?"""
    header = struct.pack("=BxxxiIII", socket.AF_UNSPEC, index, 0, _TC_H_ROOT, 0)
    return Order(NEWQDISC, CREATE | EXCL, header + text(_TCA_KIND, kind), f"try {kind}")


def _make(link: Link, data: bytes) -> Order:
    info = text(_INFO_KIND, link.kind.value) + nested(_INFO_DATA, data)
    body = _header() + text(_IFNAME, link.name) + u32(_MTU, link.mtu) + nested(_LINKINFO, info)
    if link.mac:
        body += attribute(_ADDRESS, link.mac.packed)
    return Order(NEWLINK, CREATE | EXCL, body, f"make link {link.name}")


def _header(*, flags: int = 0, change: int = 0) -> bytes:
    """struct ifinfomsg; the link is named by IFLA_IFNAME."""
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, flags, change)
