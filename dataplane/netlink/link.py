"""Links: read, made, set right, deleted."""

import errno
import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from dataplane.errors import LinkExists
from dataplane.model.wiring import Link, LinkKind
from dataplane.netlink.socket import RouteHandle
from dataplane.netns.enter import pin

_IFF_UP = 1


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link as the kernel has it. kind: empty for a physical device. master: an index, 0 for none."""

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    master: int
    hairpin: bool
    alias: str
    info: dict[str, Any]


def read(handle: RouteHandle) -> dict[str, FoundLink]:
    """All links of the namespace by name."""
    found = (_found(message) for message in handle.dump("get_links"))
    return {link.name: link for link in found}


def find(handle: RouteHandle, name: str) -> FoundLink | None:
    """One link by name; None when it is not there."""
    answers = {errno.ENODEV}
    messages = handle.call(f"link {name}", lambda ip: ip.link("get", ifname=name), answers=answers)
    return _found(messages[0]) if messages else None


def make(handle: RouteHandle, link: Link, have: dict[str, FoundLink]) -> FoundLink:
    """Make a link that is missing; ``have`` names its parent. Not yet up, nor a port of its master."""
    order: dict[str, Any] = {"ifname": link.name, "kind": link.kind.value, "mtu": link.mtu}
    if link.mac:
        order["address"] = str(link.mac)
    with ExitStack() as undo:
        if link.kind is LinkKind.BRIDGE:
            # Snooping without a querier would in time stop neighbour solicitations.
            order |= {"br_stp_state": 0, "br_forward_delay": 0, "br_mcast_snooping": 0}
        if link.peer:
            there = pin(link.peer.netns)
            undo.callback(os.close, there)
            order["peer"] = {
                "ifname": link.peer.name,
                "address": str(link.peer.mac),
                "mtu": link.mtu,
                "net_ns_fd": there,
            }
        if link.vxlan:
            order |= _vxlan(link, have)
        handle.call(f"make link {link.name}", lambda ip: ip.link("add", **order))
    made = find(handle, link.name)
    assert made is not None, f"{handle.netns}: {link.name} was made and is not there"
    return made


def conforms(link: Link, have: FoundLink, parent: FoundLink | None) -> bool:
    """Whether a link that is there can be set right; False when it has to be made anew."""
    if link.kind is not LinkKind.VXLAN or link.vxlan is None:
        return have.kind == link.kind.value
    info = have.info
    local = "IFLA_VXLAN_LOCAL" if link.vxlan.local.version == 4 else "IFLA_VXLAN_LOCAL6"
    return (
        have.kind == link.kind.value
        and info.get("IFLA_VXLAN_ID") == link.vxlan.vni
        and info.get("IFLA_VXLAN_PORT") == link.vxlan.port
        and info.get(local) == str(link.vxlan.local)
        and parent is not None
        and info.get("IFLA_VXLAN_LINK") == parent.index
    )


def set_right(handle: RouteHandle, link: Link, have: FoundLink, master: int) -> bool:
    """MAC, MTU, master, hairpin, alias and up, as far as they differ; True when something did."""
    what = f"set link {link.name}"
    changes: dict[str, Any] = {}
    if link.mac and have.mac != str(link.mac):
        changes["address"] = str(link.mac)
    if have.mtu != link.mtu:
        changes["mtu"] = link.mtu
    if have.master != master:
        changes["master"] = master
    if have.alias != link.alias:
        changes["ifalias"] = link.alias
    if not have.up:
        changes["state"] = "up"
    if changes:
        handle.call(what, lambda ip: ip.link("set", index=have.index, **changes))
    if have.hairpin != link.hairpin:
        handle.call(what, lambda ip: ip.brport("set", index=have.index, mode=int(link.hairpin)))
    return bool(changes) or have.hairpin != link.hairpin


def delete(handle: RouteHandle, name: str) -> bool:
    """Delete a link; False when it was not there."""
    have = find(handle, name)
    if have is None:
        return False
    handle.call(f"delete link {name}", lambda ip: ip.link("del", index=have.index), answers={errno.ENODEV})
    return True


def wrong_kind(handle: RouteHandle, link: Link, have: FoundLink) -> LinkExists:
    """The error for a link that is in the way."""
    return LinkExists(
        handle.netns,
        f"{link.name} is there, and is a {have.kind or 'device'}, not the {link.kind.value} that is needed",
        mend=f"ip -n {handle.netns} link delete {link.name}",
    )


def after_setting(link: Link, have: FoundLink, master: int) -> FoundLink:
    """The link as it is once ``set_right`` was done."""
    mac = str(link.mac) if link.mac else have.mac
    return replace(have, mac=mac, mtu=link.mtu, master=master, up=True)


def _vxlan(link: Link, have: dict[str, FoundLink]) -> dict[str, Any]:
    """As flannel has it: no learning, and df unset, because df set is a black hole for what is too big."""
    vxlan = link.vxlan
    assert vxlan is not None
    local = "vxlan_local" if vxlan.local.version == 4 else "vxlan_local6"
    return {
        "vxlan_id": vxlan.vni,
        "vxlan_port": vxlan.port,
        "vxlan_link": have[vxlan.parent].index,
        local: str(vxlan.local),
        "vxlan_learning": 0,
        "vxlan_df": 0,
    }


def _found(message: Any) -> FoundLink:
    info = message.get_attr("IFLA_LINKINFO")
    data = info.get_attr("IFLA_INFO_DATA") if info else None
    port = info.get_attr("IFLA_INFO_SLAVE_DATA") if info else None
    return FoundLink(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=(info.get_attr("IFLA_INFO_KIND") or "") if info else "",
        mac=message.get_attr("IFLA_ADDRESS") or "",
        mtu=message.get_attr("IFLA_MTU") or 0,
        up=bool(message["flags"] & _IFF_UP),
        master=message.get_attr("IFLA_MASTER") or 0,
        hairpin=bool(port and port.get_attr("IFLA_BRPORT_MODE")),
        alias=message.get_attr("IFLA_IFALIAS") or "",
        info=dict(data["attrs"]) if data and "attrs" in data else {},
    )
