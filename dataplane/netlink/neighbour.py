"""Permanent neighbours, and the forwarding entries of an overlay device."""

import errno
import socket
from ipaddress import ip_address

from dataplane.model.address import MacAddress
from dataplane.model.wiring import ForwardingEntry, Neighbour
from dataplane.netlink.route import FAMILIES
from dataplane.netlink.socket import RouteHandle

_PERMANENT = 0x80  # NUD_PERMANENT


def read(handle: RouteHandle, names: dict[int, str]) -> set[Neighbour]:
    """All permanent neighbours of both families. names: of links, by index."""
    found = set()
    for family in FAMILIES.values():
        messages = handle.dump("get_neighbours", family=family)
        for message in messages:
            mac = message.get_attr("NDA_LLADDR")
            if message["state"] == _PERMANENT and mac:
                address = ip_address(message.get_attr("NDA_DST"))
                found.add(Neighbour(names.get(message["ifindex"], ""), address, MacAddress.parse(mac)))
    return found


def replace(handle: RouteHandle, want: Neighbour, index: int) -> None:
    """Set a neighbour, in place of another of that address."""
    handle.call(
        f"neighbour {want.address} on {want.link}",
        lambda ip: ip.neigh(
            "replace",
            dst=str(want.address),
            lladdr=str(want.mac),
            ifindex=index,
            state=_PERMANENT,
            family=FAMILIES[want.address.version],
        ),
    )


def delete(handle: RouteHandle, have: Neighbour, index: int) -> None:
    """Forget a neighbour; it may be forgotten."""
    handle.call(
        f"delete neighbour {have.address} on {have.link}",
        lambda ip: ip.neigh(
            "del", dst=str(have.address), ifindex=index, family=FAMILIES[have.address.version]
        ),
        answers={errno.ENOENT, errno.ENODEV},
    )


def read_forwarding(handle: RouteHandle, names: dict[int, str]) -> set[ForwardingEntry]:
    """Forwarding entries with a remote (those of overlay devices). names: of links, by index."""
    found = set()
    for message in handle.dump("get_neighbours", family=socket.AF_BRIDGE):
        remote, mac = message.get_attr("NDA_DST"), message.get_attr("NDA_LLADDR")
        if remote and mac:
            link = names.get(message["ifindex"], "")
            found.add(ForwardingEntry(link, MacAddress.parse(mac), ip_address(remote)))
    return found


def add_forwarding(handle: RouteHandle, want: ForwardingEntry, index: int) -> None:
    """Tell the overlay device behind which node a MAC is; it may know."""
    handle.call(
        f"forwarding entry {want.mac} to {want.remote} on {want.link}",
        lambda ip: ip.fdb(
            "append", ifindex=index, lladdr=str(want.mac), dst=str(want.remote), state=_PERMANENT
        ),
        answers={errno.EEXIST},
    )


def delete_forwarding(handle: RouteHandle, have: ForwardingEntry, index: int) -> None:
    """Forget a forwarding entry; it may be forgotten."""
    handle.call(
        f"delete forwarding entry {have.mac} on {have.link}",
        lambda ip: ip.fdb("del", ifindex=index, lladdr=str(have.mac), dst=str(have.remote)),
        answers={errno.ENOENT, errno.ENODEV},
    )
