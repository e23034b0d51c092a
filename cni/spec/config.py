"""The network's configuration: what the plugin must know of its node, and the conflist that says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from cni.errors import ConfigInvalid
from cni.spec import version
from dataplane.model.address import IPAddress, IPNetwork

TYPE = "podwire-cni"  # the plugin's type, and the name of its executable
STATE = "/var/lib/cni/podwire"  # ledgers of networks that name no directory
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """What the plugin must know of its node.

    netns: the node's namespace. pod_cidrs: one a family, the primary first; the first address of each is the
    gateway. mtu: of pods' links, in bytes. directory: where the ledger lives; it survives the agent and the
    machine. isolated: pods reach each other by the node's IP layer only; None: where the kernel's bridge
    hides their packets from it (no br_netfilter).
    """

    node: str
    netns: str
    pod_cidrs: tuple[IPNetwork, ...]
    mtu: int
    directory: Path
    bridge: str = "cni0"
    isolated: bool | None = None

    @property
    def gateways(self) -> tuple[IPAddress, ...]:
        """Addresses of the bridge, one a family."""
        return tuple(cidr[1] for cidr in self.pod_cidrs)


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A port of the node that leads to one of the pod's. host_ip: empty for every address of the node."""

    host_port: int
    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""

    def as_json(self) -> dict[str, Any]:
        """An entry of the capability ``portMappings``, by convention."""
        return {
            "hostPort": self.host_port,
            "containerPort": self.container_port,
            "protocol": self.protocol,
            "hostIP": self.host_ip,
        }


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """One pod to plug in.

    container_id: its uid. netns: name of its namespace, made when missing. addresses: asked for by name, at
    most one a family; the pool chooses the others. port_mappings: for plugins that take them; ours does not.
    """

    container_id: str
    netns: str
    namespace: str
    pod: str
    hostname: str = ""
    interface: str = "eth0"
    addresses: tuple[IPAddress, ...] = ()
    port_mappings: tuple[PortMapping, ...] = ()

    @property
    def label(self) -> str:
        """``namespace/pod``, for people."""
        return f"{self.namespace}/{self.pod}"


def conflist(network: NodeNetwork, name: str = "podwire") -> dict[str, Any]:
    """The configuration list that stands for this network, as a runtime would read it."""
    return {
        "cniVersion": version.CURRENT,
        "name": name,
        "plugins": [
            {
                "type": TYPE,
                "node": network.node,
                "netns": network.netns,
                "bridge": network.bridge,
                "mtu": network.mtu,
                "ipam": {
                    "directory": str(network.directory),
                    "ranges": [{"subnet": str(cidr)} for cidr in network.pod_cidrs],
                },
            }
        ],
    }


def parse(config: Mapping[str, Any], verb: str = "ADD", *, here: str = "") -> NodeNetwork:
    """One plugin's configuration, as the runtime hands it to the plugin. Raises VersionUnknown, ConfigInvalid.

    here: the node's namespace where the configuration names none; without it the field is required.
    """
    version.supported(_text(config, "cniVersion"), verb)
    name = _text(config, "name")
    if not _NAME.fullmatch(name):
        raise ConfigInvalid(f"name: {name!r} is not a network's name", f"it must match {_NAME.pattern}")
    if _text(config, "type") != TYPE:
        raise ConfigInvalid(f"type: this is the plugin {TYPE!r}, not {config['type']!r}")
    mtu = config.get("mtu", 1450)
    if not isinstance(mtu, int) or isinstance(mtu, bool) or not 68 <= mtu <= 65535:
        raise ConfigInvalid(f"mtu: {mtu!r} is not a number of bytes between 68 and 65535")
    ipam = _ipam(config)
    return NodeNetwork(
        node=_text({"node": "node"} | dict(config), "node"),
        netns=_text(({"netns": here} if here else {}) | dict(config), "netns"),
        pod_cidrs=_ranges(ipam.get("ranges")),
        mtu=mtu,
        directory=Path(_text({"directory": f"{STATE}/{name}"} | ipam, "directory", "ipam.")),
        bridge=_text({"bridge": "cni0"} | dict(config), "bridge"),
    )


def _ipam(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part about addresses; ``subnets`` at the top is short for it."""
    subnets, ipam = config.get("subnets"), config.get("ipam")
    if ipam is None and isinstance(subnets, list):
        return {"ranges": [{"subnet": subnet} for subnet in subnets]}
    if not isinstance(ipam, Mapping):
        raise ConfigInvalid("ipam: an object with ranges is needed, or subnets beside it")
    if ipam.get("type", TYPE) != TYPE:
        raise ConfigInvalid(f"ipam.type: {TYPE} gives its own addresses, not {ipam['type']!r}'s")
    return dict(ipam)


def _ranges(ranges: Any) -> tuple[IPNetwork, ...]:
    if not isinstance(ranges, list) or not 1 <= len(ranges) <= 2:
        raise ConfigInvalid("ipam.ranges: one range a family is needed")
    found: list[IPNetwork] = []
    for number, entry in enumerate(ranges):
        path = f"ipam.ranges[{number}].subnet"
        each = (
            entry[0] if isinstance(entry, list) and len(entry) == 1 else entry
        )  # host-local's sets of ranges
        try:
            subnet: IPNetwork = ip_network(each["subnet"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigInvalid(f"{path}: not a range of addresses", str(error)) from error
        if subnet.num_addresses < 8:
            raise ConfigInvalid(f"{path}: {subnet} is too small: 8 addresses are the least")
        if any(other.version == subnet.version for other in found):
            raise ConfigInvalid(f"{path}: a second IPv{subnet.version} range")
        found.append(subnet)
    return tuple(found)


def _text(config: Mapping[str, Any], field: str, where: str = "") -> str:
    value = config.get(field)
    if not isinstance(value, str) or not value:
        raise ConfigInvalid(f"{where}{field}: a text is needed, not {value!r}")
    return value
