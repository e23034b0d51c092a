"""The kernel's own counts of packets that it could not use, by namespace: read before and after, compared.

Sources: Documentation/networking/snmp_counter.rst (kernel), RFC 4293.
"""

from collections.abc import Mapping
from pathlib import Path

from dataplane.netns.enter import run_inside

_NET = Path("/proc/thread-self/net")
WATCHED = (
    "IpExt.InNoRoutes", "Ip.OutNoRoutes", "TcpExt.IPReversePathFilter", "Ip.InHdrErrors", "Ip.FragFails",
    "Ip.InAddrErrors", "Ip.InDiscards", "Ip.OutDiscards", "TcpExt.ListenDrops", "TcpExt.ListenOverflows",
    "IpExt.InCsumErrors", "Udp.NoPorts", "Udp.RcvbufErrors", "Ip.InUnknownProtos",
    "Ip6InNoRoutes", "Ip6OutNoRoutes", "Ip6InHdrErrors", "Ip6InTooBigErrors", "Ip6FragFails", "Ip6InAddrErrors",
    "Ip6InDiscards", "Ip6OutDiscards", "Udp6NoPorts", "Udp6RcvbufErrors",
)  # fmt: skip
"""IPv4's by table and name, IPv6's as /proc/net/snmp6 has them."""


def read_counters(netns: str) -> dict[str, int]:
    """The watched counts of a namespace, and each link's drops as ``dev.NAME.tx`` and ``dev.NAME.rx``."""
    return run_inside(netns, _read)


def rises(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """What grew, by how much."""
    return {name: grown for name, value in after.items() if (grown := value - before.get(name, 0)) > 0}


def _read() -> dict[str, int]:
    found: dict[str, int] = {}
    for table in ("snmp", "netstat"):
        lines = (_NET / table).read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            prefix, _, rest = names.partition(":")
            pairs = zip(rest.split(), values.partition(":")[2].split(), strict=True)
            found |= {f"{prefix}.{name}": int(value) for name, value in pairs}
    six = _NET / "snmp6"
    if six.exists():
        found |= {name: int(value) for name, value in (line.split() for line in six.read_text().splitlines())}
    found = {name: value for name, value in found.items() if name in WATCHED}
    for line in (_NET / "dev").read_text().splitlines()[2:]:
        name, _, rest = line.partition(":")
        columns = rest.split()
        found |= {f"dev.{name.strip()}.rx": int(columns[3]), f"dev.{name.strip()}.tx": int(columns[11])}
    return found
