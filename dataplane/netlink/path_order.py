"""Addresses, routes, neighbours and forwarding entries, as bytes: with ``link_order`` the hot path.

Numbers from linux/rtnetlink.h, if_addr.h and neighbour.h of the kernel's user API.
"""

import socket
import struct

from dataplane.model.address import IPAddress, MacAddress
from dataplane.model.topology import IPInterface
from dataplane.model.wiring import ForwardingEntry, Route
from dataplane.netlink.order import APPEND, CREATE, REPLACE, Order, attribute, u32

NEWADDR, NEWROUTE, NEWNEIGH, DELNEIGH = 20, 24, 28, 29
PROTOCOL = 112  # podwire's own of rtm_protocol; unassigned in iproute2's rt_protos, "p" in ASCII
_PERMANENT = 0x80  # NUD_PERMANENT
_SELF = 0x02  # NTF_SELF: the device's own table, not that of a bridge above it
_NODAD = 0x02  # IFA_F_NODAD
_MAIN, _LOCAL_TABLE = 254, 255
_UNIVERSE, _LINK, _HOST = 0, 253, 254  # RT_SCOPE_*
_UNICAST, _LOCAL = 1, 2  # RTN_*
_ONLINK = 4  # RTNH_F_ONLINK
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_NDA_DST, _NDA_LLADDR = 1, 2


def add_address(index: int, address: IPInterface) -> Order:
    """An address, usable at once: no duplicate detection."""
    version, packed = address.version, address.ip.packed
    header = struct.pack("=BBBBi", _FAMILY[version], address.network.prefixlen, 0, _UNIVERSE, index)
    body = header + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    if version == 6:
        body += u32(_IFA_FLAGS, _NODAD)
    return Order(NEWADDR, CREATE | REPLACE, body, f"address {address}")


def add_route(index: int, route: Route) -> Order:
    """A route, in place of another to the same destination."""
    to, via = route.destination, route.via
    if route.local:
        table, scope, kind = _LOCAL_TABLE, _HOST, _LOCAL
    else:
        table, scope, kind = _MAIN, _UNIVERSE if via else _LINK, _UNICAST
    flags = _ONLINK if route.onlink else 0
    header = struct.pack(
        "=BBBBBBBBI", _FAMILY[to.version], to.prefixlen, 0, 0, table, PROTOCOL, scope, kind, flags
    )
    body = header + u32(_RTA_OIF, index)
    if to.prefixlen:
        body += attribute(_RTA_DST, to.network_address.packed)
    if via:
        body += attribute(_RTA_GATEWAY, via.packed)
    by = f" via {via}" if via else ""
    return Order(NEWROUTE, CREATE | REPLACE, body, f"route {to}{by} dev {route.link}")


def add_neighbour(index: int, address: IPAddress, mac: MacAddress) -> Order:
    """A permanent neighbour, in place of another of that address."""
    header = struct.pack("=BxxxiHBB", _FAMILY[address.version], index, _PERMANENT, 0, 0)
    body = header + attribute(_NDA_DST, address.packed) + attribute(_NDA_LLADDR, mac.packed)
    return Order(NEWNEIGH, CREATE | REPLACE, body, f"neighbour {address}")


def delete_neighbour(index: int, address: IPAddress, *answers: int) -> Order:
    """A neighbour forgotten."""
    header = struct.pack("=BxxxiHBB", _FAMILY[address.version], index, 0, 0, 0)
    return Order(DELNEIGH, 0, header + attribute(_NDA_DST, address.packed), f"forget {address}", answers)


def add_forwarding(index: int, entry: ForwardingEntry) -> Order:
    """Behind which node of the underlay a MAC of the overlay is."""
    header = struct.pack("=BxxxiHBB", socket.AF_BRIDGE, index, _PERMANENT, _SELF, 0)
    body = header + attribute(_NDA_LLADDR, entry.mac.packed) + attribute(_NDA_DST, entry.remote.packed)
    return Order(NEWNEIGH, CREATE | APPEND, body, f"forwarding entry {entry.mac} to {entry.remote}")
