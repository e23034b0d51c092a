"""ADD, DEL, CHECK, GC and STATUS (specification 1.1, section 2), as functions on one node's network.

Two callers: a node's agent in-process, which keeps the link down until the pod's policy is in the kernel, and
the executable plugin, whose ADD enables at once.
"""

from collections.abc import Collection
from dataclasses import replace

from cni.errors import AttachmentWrong, PluginNotReady
from cni.ipam import verbs as ipam
from cni.ipam.ledger import Ledger
from cni.ipam.pool import Pool
from cni.plugin import attach
from cni.spec.config import AttachRequest, NodeNetwork
from cni.spec.result import CniResult
from dataplane.errors import NamespaceGone
from dataplane.fabric.pod import PodLinks
from dataplane.model.topology import pod_link_name
from dataplane.netns import create, sysctl
from dataplane.netns.enter import inside


def settled(network: NodeNetwork) -> NodeNetwork:
    """The network with what only the node's kernel knows. Raises NamespaceGone."""
    if network.isolated is not None:
        return network
    with inside(network.netns):
        hooked = sysctl.read("bridge/bridge-nf-call-iptables") == "1"
    return replace(network, isolated=not hooked)


def add(network: NodeNetwork, ledger: Ledger, links: PodLinks, request: AttachRequest) -> CniResult:
    """Addresses (durably), namespace and link; the node's end stays down. Again: the same result.

    When the link fails the addresses stay held: the DEL that a runtime owes gives them back.
    Raises PoolExhausted, LedgerDamaged, KernelError.
    """
    held = ipam.give(ledger, network, request)
    port = attach.port(network, held)
    links.attach(port)
    return attach.result(port)


def delete(ledger: Ledger, links: PodLinks, container_id: str, netns: str | None = None) -> None:
    """Link, then namespace, then addresses. What is gone already is no error.

    The addresses come last: nobody gets one while a packet of its last holder may be under way.
    """
    held = ipam.find(ledger, container_id)
    addresses = held.addresses if held else ()
    where = netns or (held.netns if held else None)
    links.detach(pod_link_name(container_id), addresses, netns=where)
    ipam.give_back(ledger, container_id)


def unplug(network: NodeNetwork, ledger: Ledger, links: PodLinks, container_id: str) -> None:
    """Link, then addresses; the namespace is the runtime's. What is gone already is no error."""
    held = ipam.find(ledger, container_id)
    links.detach(pod_link_name(container_id), held.addresses if held else (), bridge=network.bridge)
    ipam.give_back(ledger, container_id)


def check(network: NodeNetwork, ledger: Ledger, container_id: str) -> None:
    """Raise AttachmentWrong unless the kernel has what ADD made."""
    held = ipam.find(ledger, container_id)
    if held is None:
        raise AttachmentWrong(f"{container_id}: holds no address on {network.node}")
    from dataplane.netlink import observe  # pyroute2 takes 0.15 s to load, and no ADD needs it

    port = attach.port(network, held)
    if not create.is_there(port.netns):
        raise AttachmentWrong(f"{held.label}: its namespace {port.netns} is gone")
    found = observe.links(network.netns)
    host = found.get(port.host_interface)
    if host is None:
        raise AttachmentWrong(f"{held.label}: {network.node} has no link {port.host_interface}")
    if host.master != port.bridge:
        raise AttachmentWrong(f"{held.label}: {port.host_interface} is not a port of {port.bridge}")
    inside = observe.links(port.netns).get(port.interface)
    if inside is None:
        raise AttachmentWrong(f"{held.label}: it has no {port.interface}")
    there = {each.ip for each in inside.addresses}
    missing = [str(each) for each in port.addresses if each.ip not in there]
    if missing:
        raise AttachmentWrong(f"{held.label}: {port.interface} has lost {', '.join(missing)}")


def collect(ledger: Ledger, links: PodLinks, valid: Collection[str]) -> tuple[str, ...]:
    """GC: delete all attachments but the valid ones; the container ids of those deleted."""
    stale = [held for held in ipam.holders(ledger) if held.container_id not in valid]
    for held in stale:
        delete(ledger, links, held.container_id, held.netns)
    return tuple(held.container_id for held in stale)


def status(network: NodeNetwork, ledger: Ledger) -> None:
    """Raise PluginNotReady when an ADD would fail."""
    from dataplane.netlink import observe  # as above

    if not create.is_there(network.netns):
        raise PluginNotReady(f"{network.node}: its namespace is gone", mend="podwire up")
    try:
        found = observe.links(network.netns)
    except NamespaceGone as error:
        raise PluginNotReady(f"{network.node}: its namespace is gone", str(error), "podwire up") from error
    if network.bridge not in found:
        raise PluginNotReady(f"{network.node}: it has no bridge {network.bridge}", mend="podwire up")
    held = len(ipam.holders(ledger))
    for cidr in network.pod_cidrs:
        size = Pool(cidr).size
        if held >= size:
            raise PluginNotReady(f"{network.node}: all {size} addresses of {cidr} are in use")
