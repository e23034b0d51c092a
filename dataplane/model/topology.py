"""What must exist of a lab's wires: nodes, overlay, underlay, internet, pod links."""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface

from dataplane.errors import MtuTooSmall
from dataplane.model.address import Family, IPAddress, IPNetwork, MacAddress

IPInterface = IPv4Interface | IPv6Interface

LONGEST_LINK_NAME = 15  # IFNAMSIZ - 1
IPV6_LEAST_MTU = 1280  # RFC 8200, section 5


class Overlay(StrEnum):
    """How pods' packets go from node to node."""

    VXLAN = "vxlan"
    DIRECT = "direct"


def overlay_mtu(underlay_bytes: int, outer: Family) -> int:
    """Largest IP packet that a pod may send so that its VXLAN frame fits the underlay.

    underlay_bytes: MTU of the fabric link, in bytes of IP packet.
    outer: family of the outer header, which sets its size (20 or 40 bytes).
    Returns bytes for the pod's eth0: the underlay less outer IP header, UDP 8, VXLAN 8, inner Ethernet 14.
    Raises MtuTooSmall below 1280, the least that IPv6 needs (RFC 8200, section 5).
    Source: RFC 7348, section 5.

    >>> overlay_mtu(1500, Family.V4), overlay_mtu(1500, Family.V6)
    (1450, 1430)
    """
    inner = underlay_bytes - (20 if outer is Family.V4 else 40) - 8 - 8 - 14
    if inner < IPV6_LEAST_MTU:
        raise MtuTooSmall(
            "overlay",
            f"an underlay of {underlay_bytes} bytes leaves pods {inner}, and IPv6 needs {IPV6_LEAST_MTU}",
            mend=f"an underlay MTU of {IPV6_LEAST_MTU + underlay_bytes - inner} or more",
        )
    return inner


@dataclass(frozen=True, slots=True)
class TunnelPlan:
    """The overlay between nodes.

    mtu: bytes of IP packet on pods' links. vni, port: VXLAN only (RFC 7348); a lab has a fabric of its own,
    so the numbers may repeat from lab to lab.
    """

    mode: Overlay
    mtu: int
    vni: int = 1
    port: int = 4789

    @classmethod
    def over(cls, mode: Overlay, underlay_mtu: int, outer: Family) -> "TunnelPlan":
        """The overlay with the MTU that follows from the underlay's."""
        return cls(mode, overlay_mtu(underlay_mtu, outer) if mode is Overlay.VXLAN else underlay_mtu)

    @property
    def device(self) -> str:
        """Name of the VXLAN device in each node."""
        return f"vxlan{self.vni}"


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node: its place on the underlay and the range of its pods.

    netns: name of its network namespace. addresses: at most one a family, the primary family first.
    pod_cidrs: one a family, in the same order; the first address of each is ``cni0``'s.
    """

    name: str
    netns: str
    addresses: tuple[IPAddress, ...]
    pod_cidrs: tuple[IPNetwork, ...]

    @property
    def mac(self) -> MacAddress:
        """Of ``eth0``, the node's end of its cable."""
        return MacAddress.for_address(self.addresses[0])

    @property
    def gateways(self) -> tuple[IPInterface, ...]:
        """Addresses of ``cni0``: the first of each pod range, where pods send what is not on their bridge."""
        return tuple(interface(cidr[1], cidr.prefixlen) for cidr in self.pod_cidrs)

    @property
    def bridge_mac(self) -> MacAddress:
        """Of ``cni0``, pinned: a bridge else takes the least MAC of its ports, and neighbours go stale."""
        return MacAddress.for_address(self.gateways[0].ip)

    @property
    def tunnel_mac(self) -> MacAddress:
        """Of the VXLAN device: 0a:59 and the node's primary address, unique among the overlay's devices."""
        return MacAddress(b"\x0a\x59" + self.addresses[0].packed[-4:])

    @property
    def cable(self) -> str:
        """Name of the fabric's end of the node's cable."""
        return link_name(self.name)


@dataclass(frozen=True, slots=True)
class InternetPlan:
    """The world outside the cluster: one namespace that owns whole ranges and knows nodes, never pods.

    addresses: on the underlay, one a family; the nodes' default gateways. ranges: all that it answers for.
    """

    netns: str
    addresses: tuple[IPAddress, ...]
    ranges: tuple[IPNetwork, ...]
    cable: str = "internet"

    @property
    def mac(self) -> MacAddress:
        """Of its ``eth0``."""
        return MacAddress.for_address(self.addresses[0])


@dataclass(frozen=True, slots=True)
class FabricPlan:
    """All wires of a lab but the pods' own. Building it twice changes nothing.

    netns: the namespace with the bridge. underlay: one network a family, the primary family first;
    IPv6 is switched off in every namespace of a lab that has no IPv6 network here.
    underlay_mtu: bytes of IP packet on cables.
    """

    lab: str
    netns: str
    underlay: tuple[IPNetwork, ...]
    tunnel: TunnelPlan
    internet: InternetPlan
    nodes: tuple[NodePlan, ...]
    underlay_mtu: int = 1500

    @property
    def families(self) -> tuple[Family, ...]:
        """Families the lab speaks, the primary one first."""
        return tuple(Family.of(network) for network in self.underlay)

    @property
    def dual_stack(self) -> bool:
        """Both families."""
        return len(self.underlay) > 1

    def node(self, name: str) -> NodePlan:
        """The node of that name; KeyError when there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def with_node(self, node: NodePlan) -> "FabricPlan":
        """The same lab and one node more, or that node changed."""
        return replace(self, nodes=(*self.without_node(node.name).nodes, node))

    def without_node(self, name: str) -> "FabricPlan":
        """The same lab and one node less."""
        return replace(self, nodes=tuple(node for node in self.nodes if node.name != name))


@dataclass(frozen=True, slots=True)
class PodPort:
    """A pod's link: ``eth0`` in its namespace, and the node's end on ``cni0``.

    host_interface: the node's end, at most 15 bytes. label: ``namespace/pod``, shown by ``ip link`` as alias.
    addresses: with the prefix length of the pod range. gateways: one a family, in the same order.
    isolated: the bridge passes nothing from pod to pod, all goes by the node's IP layer. For kernels without
    br_netfilter, where Services and policies could not see it otherwise.
    """

    container_id: str
    node_netns: str
    netns: str
    host_interface: str
    addresses: tuple[IPInterface, ...]
    gateways: tuple[IPAddress, ...]
    mac: MacAddress
    gateway_mac: MacAddress
    mtu: int
    label: str = ""
    interface: str = "eth0"
    bridge: str = "cni0"
    isolated: bool = False


def interface(address: IPAddress, prefix_length: int) -> IPInterface:
    """An address with the length of its network's prefix."""
    if address.version == 4:
        return IPv4Interface((address, prefix_length))
    return IPv6Interface((address, prefix_length))


def link_name(text: str) -> str:
    """The text itself where it can name a link, else its start and a digest."""
    if len(text.encode()) <= LONGEST_LINK_NAME:
        return text
    return f"{text[:6]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def pod_link_name(container_id: str) -> str:
    """Name of the node's end of a pod's link."""
    return f"veth{hashlib.sha256(container_id.encode()).hexdigest()[:8]}"
