"""Every sysctl that matters, written in every namespace before it has a link.

A new namespace takes some values from the machine's own (``devconf_inherit_init_net``) and some from the
kernel; a lab must behave the same on every machine, so nothing is left to either.
"""

import errno
import os
from enum import StrEnum

from dataplane.errors import NamespaceError
from dataplane.host.denied import Ability, is_denied

ROOT = "/proc/sys/net"

Settings = tuple[tuple[str, str], ...]


class Place(StrEnum):
    """What a namespace is for."""

    FABRIC = "fabric"
    INTERNET = "internet"
    NODE = "node"
    POD = "pod"


def _everywhere(key: str, value: str) -> Settings:
    """For links there are (``all``) and links to come (``default``)."""
    return ((key.format("all"), value), (key.format("default"), value))


_EVERY: Settings = (
    # A router does not ask for neighbours while its link-local address is tentative: 2 s for a first packet.
    *_everywhere("ipv6/conf/{}/accept_dad", "0"),
    *_everywhere("ipv6/conf/{}/dad_transmits", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    # Same-node Services turn around on cni0 and replies may come by another link than they left by.
    *_everywhere("ipv4/conf/{}/rp_filter", "0"),
    # With 1 the next segment of a flow without an entry is picked up as new, perhaps in reverse.
    ("netfilter/nf_conntrack_tcp_loose", "0"),
    # A refusal is always said: by default only six at once and one a second are, to each host, and 50 at once
    # and 1,000 a second to all. A type outside the mask is free of both.
    ("ipv4/icmp_ratemask", "0"),
    ("ipv6/icmp/ratemask", ""),
)
_ROUTERS: Settings = (
    *_everywhere("ipv4/conf/{}/accept_redirects", "0"),
    *_everywhere("ipv4/conf/{}/send_redirects", "0"),
    *_everywhere("ipv6/conf/{}/accept_redirects", "0"),
    *_everywhere("ipv4/conf/{}/arp_ignore", "0"),
    *_everywhere("ipv4/conf/{}/arp_announce", "0"),
    *_everywhere("ipv4/conf/{}/route_localnet", "0"),
    ("netfilter/nf_conntrack_tcp_be_liberal", "0"),
    ("bridge/bridge-nf-call-arptables", "0"),
    ("bridge/bridge-nf-filter-vlan-tagged", "0"),
    ("ipv6/bindv6only", "0"),
)


def _forwarding(on: str) -> Settings:
    """The kernel carries both on to ``default`` and to each link."""
    return (("ipv4/ip_forward", on), ("ipv6/conf/all/forwarding", on))


def _bridge_hooks(on: str) -> Settings:
    return (("bridge/bridge-nf-call-iptables", on), ("bridge/bridge-nf-call-ip6tables", on))


_PLACES: dict[Place, Settings] = {
    Place.FABRIC: (*_ROUTERS, *_forwarding("0"), *_bridge_hooks("0")),
    # Forwarding without a route for it: "no route to host" is said, not kept.
    Place.INTERNET: (*_ROUTERS, *_forwarding("1"), *_bridge_hooks("0")),
    Place.NODE: (
        *_ROUTERS,
        *_forwarding("1"),
        *_bridge_hooks("1"),
        # Only connections that begin with it on are counted and dated, so it is on from the start.
        ("netfilter/nf_conntrack_acct", "1"),
        ("netfilter/nf_conntrack_timestamp", "1"),
    ),
    # Few, as each costs 30 us of a pod's start.
    Place.POD: (
        *_forwarding("0"),
        *_bridge_hooks("0"),
        # A node that routes between its pods advises them to go straight, which isolated ports don't let them. The
        # kernel can't be told not to send it (IPv6), and each link goes by ``default``, which it was made from.
        ("ipv6/conf/default/accept_redirects", "0"),
        # As containerd sets them in pods since 2.0: any user binds port 80 and pings.
        ("ipv4/ip_unprivileged_port_start", "0"),
        ("ipv4/ping_group_range", "0 2147483647"),
    ),
}


def settings(place: Place, *, ipv6: bool = True) -> Settings:
    """All sysctls of a place, as paths below /proc/sys/net, in the order of writing."""
    family = ("ipv6/conf/all/disable_ipv6", "0" if ipv6 else "1")  # carried on to ``default`` too
    hooks = _bridge_hooks("0") if is_denied(Ability.BRIDGE_NETFILTER) else ()
    return (family, *_EVERY, *_PLACES[place], *hooks)


def write(where: str, values: Settings) -> tuple[str, ...]:
    """Set sysctls in the calling thread's network namespace; the keys that this kernel does not have.

    A key is absent where its module is (bridge/, netfilter/, ipv6/): capabilities are probed elsewhere.
    """
    absent: list[str] = []
    directory = os.open(ROOT, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for key, value in values:
            try:
                descriptor = os.open(key, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
            except FileNotFoundError:
                absent.append(key)
                continue
            try:
                os.write(descriptor, value.encode() or b"\n")
            except OSError as error:
                raise _refused(where, key, value, error) from error
            finally:
                os.close(descriptor)
    except PermissionError as error:
        raise _refused(where, str(error.filename), "", error) from error
    finally:
        os.close(directory)
    return tuple(absent)


def read(key: str) -> str:
    """A sysctl of the calling thread's network namespace; empty when the kernel has none of that name."""
    try:
        with open(f"{ROOT}/{key}") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def _refused(where: str, key: str, value: str, error: OSError) -> NamespaceError:
    mend = "run as root" if error.errno in {errno.EPERM, errno.EACCES} else ""
    return NamespaceError(where, f"sysctl {key}={value} was refused", str(error), mend)
