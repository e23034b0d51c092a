"""rtnetlink messages of a pod's link as bytes: the hot path, four times as fast as through pyroute2.

Numbers from linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h and veth.h of the kernel's user API.
"""

import socket
import struct
from dataclasses import dataclass

from dataplane.model.address import IPAddress, MacAddress
from dataplane.model.topology import IPInterface

NEWLINK, DELLINK, GETLINK, NEWADDR, NEWROUTE, NEWNEIGH, DELNEIGH = 16, 17, 18, 20, 24, 28, 29
NEWQDISC = 36
CREATE, EXCL, REPLACE = 0x400, 0x200, 0x100
_NESTED = 0x8000
_IFF_UP = 1
_PERMANENT = 0x80  # NUD_PERMANENT
_NODAD = 0x02  # IFA_F_NODAD
_UNIVERSE, _UNICAST, _MAIN, _STATIC = 0, 1, 254, 112  # of rtmsg; 112 is podwire's protocol number
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
# Attributes: IFLA_*, VETH_INFO_PEER, IFA_*, RTA_*, NDA_*
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 10, 18
_IFLA_IFALIAS, _IFLA_NET_NS_FD = 20, 28
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_INFO_PEER = 1
_BRPORT_MODE = 4
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_RTA_OIF, _RTA_GATEWAY = 4, 5
_NDA_DST, _NDA_LLADDR = 1, 2
_TC_H_ROOT, _TCA_KIND = 0xFFFFFFFF, 1


@dataclass(frozen=True, slots=True)
class Order:
    """One message without its header.

    about: what it does, for an error's text. answers: errnos that are no errors here.
    """

    kind: int
    flags: int
    body: bytes
    about: str
    answers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerEnd:
    """The pod's end of a veth at its making. netns: a descriptor."""

    name: str
    mac: MacAddress
    netns: int


def make_veth(name: str, mtu: int, master: int, peer: PeerEnd) -> Order:
    """A veth, both ends down; this end a port of the bridge with index ``master``."""
    far = (
        _link_header()
        + _text(_IFLA_IFNAME, peer.name)
        + _attribute(_IFLA_ADDRESS, peer.mac.packed)
        + _u32(_IFLA_MTU, mtu)
        + _u32(_IFLA_NET_NS_FD, peer.netns)
    )
    info = _text(_INFO_KIND, "veth") + _nested(_INFO_DATA, _attribute(_VETH_INFO_PEER | _NESTED, far))
    body = (
        _link_header()
        + _text(_IFLA_IFNAME, name)
        + _u32(_IFLA_MTU, mtu)
        + _u32(_IFLA_MASTER, master)
        + _nested(_IFLA_LINKINFO, info)
    )
    return Order(NEWLINK, CREATE | EXCL, body, f"make link {name}")


def make_link(kind: str, name: str, *answers: int) -> Order:
    """A link with nothing but its kind: a try, whether the kernel knows the kind (EOPNOTSUPP when not)."""
    body = _link_header() + _text(_IFLA_IFNAME, name) + _nested(_IFLA_LINKINFO, _text(_INFO_KIND, kind))
    return Order(NEWLINK, CREATE | EXCL, body, f"try a link of kind {kind}", answers)


def make_qdisc(kind: str, index: int, *answers: int) -> Order:
    """A queueing discipline at a link's root, without options: a try, whether the kernel knows the kind."""
    header = struct.pack("=BxxxiIII", socket.AF_UNSPEC, index, 0, _TC_H_ROOT, 0)
    return Order(NEWQDISC, CREATE | EXCL, header + _text(_TCA_KIND, kind), f"try {kind}", answers)


def set_port(name: str, alias: str) -> Order:
    """Hairpin on for a bridge's port, so that a pod reaches itself by its Service; and the port's alias."""
    slave = _text(_INFO_SLAVE_KIND, "bridge") + _nested(_INFO_SLAVE_DATA, _attribute(_BRPORT_MODE, b"\x01"))
    body = _link_header() + _text(_IFLA_IFNAME, name) + _nested(_IFLA_LINKINFO, slave)
    if alias:
        body += _attribute(_IFLA_IFALIAS, alias.encode()[:255])
    return Order(NEWLINK, 0, body, f"set port {name}")


def set_up(name: str) -> Order:
    """A link up."""
    body = _link_header(flags=_IFF_UP, change=_IFF_UP) + _text(_IFLA_IFNAME, name)
    return Order(NEWLINK, 0, body, f"put {name} up")


def set_down(name: str, *answers: int) -> Order:
    """A link down."""
    body = _link_header(change=_IFF_UP) + _text(_IFLA_IFNAME, name)
    return Order(NEWLINK, 0, body, f"put {name} down", answers)


def delete_link(name: str, *answers: int) -> Order:
    """A link gone, and its peer with it."""
    return Order(DELLINK, 0, _link_header() + _text(_IFLA_IFNAME, name), f"delete link {name}", answers)


def get_link(name: str, *answers: int) -> Order:
    """Ask for a link; the answer is a message that starts with its header (``index_in``)."""
    return Order(GETLINK, 0, _link_header() + _text(_IFLA_IFNAME, name), f"find link {name}", answers)


def add_address(index: int, address: IPInterface) -> Order:
    """An address, usable at once: no duplicate detection."""
    version, packed = address.version, address.ip.packed
    header = struct.pack("=BBBBi", _FAMILY[version], address.network.prefixlen, 0, _UNIVERSE, index)
    body = header + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    if version == 6:
        body += _u32(_IFA_FLAGS, _NODAD)
    return Order(NEWADDR, CREATE | REPLACE, body, f"address {address}")


def default_route(index: int, gateway: IPAddress) -> Order:
    """The way to everything that is not on the link."""
    family = _FAMILY[gateway.version]
    header = struct.pack("=BBBBBBBBI", family, 0, 0, 0, _MAIN, _STATIC, _UNIVERSE, _UNICAST, 0)
    body = header + _attribute(_RTA_GATEWAY, gateway.packed) + _u32(_RTA_OIF, index)
    return Order(NEWROUTE, CREATE | REPLACE, body, f"default route via {gateway}")


def add_neighbour(index: int, address: IPAddress, mac: MacAddress) -> Order:
    """A permanent neighbour, in place of another of that address."""
    header = struct.pack("=BxxxiHBB", _FAMILY[address.version], index, _PERMANENT, 0, 0)
    body = header + _attribute(_NDA_DST, address.packed) + _attribute(_NDA_LLADDR, mac.packed)
    return Order(NEWNEIGH, CREATE | REPLACE, body, f"neighbour {address}")


def delete_neighbour(index: int, address: IPAddress, *answers: int) -> Order:
    """A neighbour forgotten."""
    header = struct.pack("=BxxxiHBB", _FAMILY[address.version], index, 0, 0, 0)
    return Order(DELNEIGH, 0, header + _attribute(_NDA_DST, address.packed), f"forget {address}", answers)


def index_in(answer: bytes) -> int:
    """The link's index in the answer to ``get_link``."""
    return int(struct.unpack_from("=i", answer, 4)[0])


def _link_header(*, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, flags, change)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def _nested(kind: int, value: bytes) -> bytes:
    return _attribute(kind | _NESTED, value)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _u32(kind: int, value: int) -> bytes:
    return struct.pack("=HHI", 8, kind, value)
