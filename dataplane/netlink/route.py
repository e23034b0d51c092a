"""Routes. Ours carry a protocol number of their own, so that they are told from the kernel's and others'."""

import errno
import socket
from ipaddress import ip_address, ip_network
from typing import Any

from dataplane.model.wiring import Route
from dataplane.netlink.path_order import PROTOCOL
from dataplane.netlink.socket import RouteHandle

_MAIN, _LOCAL = 254, 255
_ONLINK = 4  # RTNH_F_ONLINK
_ANY = {4: "0.0.0.0", 6: "::"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def read(handle: RouteHandle, names: dict[int, str]) -> set[Route]:
    """Our routes, of all tables and both families. names: of links, by index."""
    found = set()
    for family in FAMILIES.values():
        messages = handle.dump("get_routes", family=family)
        found |= {_found(message, names) for message in messages if message["proto"] == PROTOCOL}
    return found


def replace(handle: RouteHandle, want: Route, index: int) -> None:
    """Set a route, in place of another to the same destination."""
    handle.call(f"route {_text(want)}", lambda ip: ip.route("replace", **_order(want, index)))


def delete(handle: RouteHandle, have: Route, index: int) -> None:
    """Take a route away; it may be gone, with its link or by itself."""
    handle.call(
        f"delete route {_text(have)}",
        lambda ip: ip.route("del", **_order(have, index)),
        answers={errno.ESRCH, errno.ENODEV},
    )


def _order(route: Route, index: int) -> dict[str, Any]:
    order: dict[str, Any] = {
        "family": FAMILIES[route.destination.version],
        "dst": str(route.destination),
        "oif": index,
        "proto": PROTOCOL,
        "table": _LOCAL if route.local else _MAIN,
        "type": "local" if route.local else "unicast",
    }
    if route.local:
        order["scope"] = 254  # RT_SCOPE_HOST
    elif route.via is None:
        order["scope"] = 253  # RT_SCOPE_LINK
    if route.via is not None:
        order["gateway"] = str(route.via)
    if route.onlink:
        order["flags"] = _ONLINK
    return order


def _found(message: Any, names: dict[int, str]) -> Route:
    version = 4 if message["family"] == socket.AF_INET else 6
    destination = message.get_attr("RTA_DST") or _ANY[version]
    via = message.get_attr("RTA_GATEWAY")
    return Route(
        destination=ip_network(f"{destination}/{message['dst_len']}"),
        link=names.get(message.get_attr("RTA_OIF"), ""),
        via=ip_address(via) if via else None,
        onlink=bool(message["flags"] & _ONLINK),
        local=message["type"] == 2,
    )


def _text(route: Route) -> str:
    via = f" via {route.via}" if route.via else ""
    return f"{'local ' if route.local else ''}{route.destination}{via} dev {route.link}"
