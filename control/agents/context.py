"""What a node's agents know of the node they run in."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from dataplane.model.address import Family, IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class ConflistSpec:
    """Whose plugins plug pods in. conflist: JSON, with placeholders. path: directories of executables."""

    conflist: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeContext:
    """One node, as its agents need it. Made by control.lab from the plan; the same after every restart.

    netns: name of the node's network namespace (``podwire-<lab>-<node>``).
    addresses: the node's own, at most one a family, IPv4 first.
    pod_cidrs: ranges of this node's pods, one a family. cluster_cidrs: ranges of all pods.
    node_cidrs: the underlay, one network a family.
    api_url: ``https://10.0.1.9:6443``, reached from inside the node's namespace.
    directory: the node's own state (``<lab>/nodes/<node>``): pods, volumes, IPAM ledger, CNI results.
    memory: where what is written into pods' volumes lies; in memory, while the lab is up.
    pod_logs: ``<directory>/log/pods``, in the layout of a kubelet.
    client_cert, client_key, serving_cert, serving_key, ca: PEM files.
    zygote_socket: unix socket of the lab's zygote. cgroup: this node's cgroup2 directory.
    home: where all labs live; containers never see it.
    cni: the conflist that its pods are plugged in by; None for podwire's own network.
    """

    lab: str
    name: str
    netns: str
    addresses: tuple[IPAddress, ...]
    pod_cidrs: tuple[IPNetwork, ...]
    cluster_cidrs: tuple[IPNetwork, ...]
    service_cidrs: tuple[IPNetwork, ...]
    dns_ip: IPAddress
    cluster_domain: str
    api_url: str
    directory: Path
    memory: Path
    pod_logs: Path
    client_cert: Path
    client_key: Path
    serving_cert: Path
    serving_key: Path
    ca: Path
    zygote_socket: Path
    cgroup: Path
    home: Path
    max_pods: int
    pod_mtu: int
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[tuple[str, str, str], ...] = ()
    node_cidrs: tuple[IPNetwork, ...] = ()
    cni: ConflistSpec | None = None

    @property
    def families(self) -> tuple[Family, ...]:
        """Families the lab speaks, the primary one first."""
        return tuple(Family.of(cidr) for cidr in self.pod_cidrs)

    @property
    def internal_ip(self) -> IPAddress:
        """The node's primary address."""
        return self.addresses[0] if self.addresses else IPv4Address("0.0.0.0")
