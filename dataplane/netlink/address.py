"""Addresses on links."""

import errno
from ipaddress import ip_address

from dataplane.model.topology import interface
from dataplane.model.wiring import LinkAddress
from dataplane.netlink.socket import RouteHandle

_IFA_F_NODAD = 0x02


def read(handle: RouteHandle, names: dict[int, str]) -> set[LinkAddress]:
    """All addresses but IPv6 link-local ones, which the kernel gives and takes. names: of links, by index."""
    found = set()
    for message in handle.dump("get_addr"):
        address = ip_address(message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS"))
        if address.version == 4 or not address.is_link_local:
            name = names.get(message["index"], "")
            found.add(LinkAddress(name, interface(address, message["prefixlen"])))
    return found


def add(handle: RouteHandle, want: LinkAddress, index: int) -> None:
    """Give an address, at once usable (no duplicate detection in IPv6); it may be there."""
    handle.call(
        f"address {want.address} on {want.link}",
        lambda ip: ip.addr(
            "add",
            index=index,
            address=str(want.address.ip),
            prefixlen=want.address.network.prefixlen,
            **({"flags": _IFA_F_NODAD} if want.address.version == 6 else {}),
        ),
        answers={errno.EEXIST},
    )


def delete(handle: RouteHandle, have: LinkAddress, index: int) -> None:
    """Take an address away; it may be gone."""
    handle.call(
        f"delete address {have.address} on {have.link}",
        lambda ip: ip.addr(
            "del", index=index, address=str(have.address.ip), prefixlen=have.address.network.prefixlen
        ),
        answers={errno.EADDRNOTAVAIL, errno.ENODEV},
    )
