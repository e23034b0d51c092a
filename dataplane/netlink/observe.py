"""The links of a namespace as they are, with names instead of indexes: for checks and for tables."""

from dataclasses import dataclass

from dataplane.model.topology import IPInterface
from dataplane.netlink import address, link
from dataplane.netlink.socket import RouteHandle


@dataclass(frozen=True, slots=True)
class SeenLink:
    """A link. master: name of its bridge, empty for none. addresses: without IPv6 link-local ones."""

    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    master: str
    hairpin: bool
    alias: str
    addresses: tuple[IPInterface, ...]


def links(netns: str) -> dict[str, SeenLink]:
    """All links of a namespace by name. Raises NamespaceGone, LinkError."""
    with RouteHandle(netns) as handle:
        found = link.read(handle)
        names = {each.index: each.name for each in found.values()}
        addresses = sorted(address.read(handle, names), key=lambda each: (each.address.version, each.address))
    return {
        each.name: SeenLink(
            name=each.name,
            kind=each.kind,
            mac=each.mac,
            mtu=each.mtu,
            up=each.up,
            master=names.get(each.master, ""),
            hairpin=each.hairpin,
            alias=each.alias,
            addresses=tuple(have.address for have in addresses if have.link == each.name),
        )
        for each in found.values()
    }
