"""The floors: what a person, or the kernel alone, needs for the same wires. No API, no agents, no checks.

``fabric`` and ``pod`` make by ``ip -batch``, one call a namespace, what a lab's plan says; ``bare_pods`` asks the kernel
for the least that a pod's wire is made of, in bytes and in one process.
"""

import os
import socket
import subprocess
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.fabric.build import wirings
from dataplane.model.address import MacAddress
from dataplane.model.topology import FabricPlan, NodePlan, PodPort, interface, pod_link_name
from dataplane.model.wiring import EVERYWHERE, LinkKind, Wiring
from dataplane.netlink import link_order, path_order
from dataplane.netlink.batch import BatchSocket
from dataplane.netlink.link_order import PeerEnd
from dataplane.netns import create, names, syscalls
from dataplane.netns.enter import inside
from dataplane.netns.sysctl import Place


def plan(lab: str, workers: int = 2) -> FabricPlan:
    """What `podwire up` would make of a lab with so many workers."""
    return make_plan(lab, LabSpec(nodes=default_nodes(workers)), ipv6=socket.has_ipv6).fabric


def port(lab: str, node: NodePlan, host: int, mtu: int) -> PodPort:
    """A pod's wire: the host-th address of its node's ranges."""
    addresses = tuple(interface(cidr[host], cidr.prefixlen) for cidr in node.pod_cidrs)
    return PodPort(
        f"{node.name}-{host}", node.netns, f"podwire-{lab}-pod-{node.name}-{host}",
        pod_link_name(f"{node.name}-{host}"), addresses, tuple(gateway.ip for gateway in node.gateways),
        MacAddress.for_address(addresses[0].ip), node.bridge_mac, mtu,
    )  # fmt: skip


def fabric(want: FabricPlan) -> None:
    """Every namespace of a lab without pods, and its wires."""
    places = [(want.netns, Place.FABRIC), (want.internet.netns, Place.INTERNET)]
    for netns, place in [*places, *((node.netns, Place.NODE) for node in want.nodes)]:
        create.create(netns, place)
    for wiring in wirings(want):
        _ip_batch(wiring.netns, _lines(wiring))
        if wiring.forwarding:
            entries = (f"fdb append {e.mac} dev {e.link} dst {e.remote}" for e in wiring.forwarding)
            command = ["bridge", "-n", wiring.netns, "-batch", "-"]
            subprocess.run(command, input="\n".join(entries), text=True, check=True)


def pod(want: PodPort) -> None:
    """A pod's namespace and its wire, which is up."""
    create.create(want.netns)
    near = [
        f"link add {want.host_interface} mtu {want.mtu} type veth peer name eth0 mtu {want.mtu}"
        f" address {want.mac} netns {want.netns}",
        f"link set {want.host_interface} master cni0",
        f"link set {want.host_interface} type bridge_slave hairpin on",
        *(f"neigh replace {a.ip} lladdr {want.mac} dev cni0 nud permanent" for a in want.addresses),
        f"link set {want.host_interface} up",
    ]
    far = [
        "link set eth0 up",
        *(f"addr add {a} dev eth0 {'nodad' if a.version == 6 else ''}" for a in want.addresses),
        *(f"neigh replace {g} lladdr {want.gateway_mac} dev eth0 nud permanent" for g in want.gateways),
        *(f"route add {EVERYWHERE[g.version]} via {g}" for g in want.gateways),
    ]
    _ip_batch(want.node_netns, near)
    _ip_batch(want.netns, far)


def tables_of(netns: str) -> str:
    """A node's own nft tables as text, listed by the real nft in a process of its own."""
    found = []
    for name in ("inet podwire-services", "inet podwire-policy", "bridge podwire-guard"):
        command = ["ip", "netns", "exec", netns, "nft", "list", "table", *name.split()]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            found.append(listed.stdout)
    return "".join(found)


def load_tables(texts: Mapping[str, str]) -> None:
    """Give nodes their tables. texts: nft text by namespace."""
    for netns, text in texts.items():
        subprocess.run(["ip", "netns", "exec", netns, "nft", "-f", "-"], input=text, text=True, check=True)


def bare_pods(lab: str, nodes: int, pods: int) -> None:
    """So many namespaces with a veth into a node's bridge and an address: unshare, bind, three rtnetlink requests.

    The nodes are namespaces with a bridge. Nothing else is set: no sysctl, no route, no neighbour, no rule.
    """
    sockets, bridges = [], []
    for number in range(nodes):
        netns = f"podwire-{lab}-node-{number}"
        create.create(netns)
        with inside(netns):
            sockets.append(BatchSocket(netns))
        subprocess.run(["ip", "-n", netns, "link", "add", "cni0", "up", "type", "bridge"], check=True)
        bridges.append(link_order.index_in(sockets[-1].send([link_order.get_link("cni0")])[0]))
    home = os.open(create.OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    for number in range(pods):
        netns = f"podwire-{lab}-pod-{number}"
        syscalls.unshare(syscalls.CLONE_NEWNET)
        target = str(names.path(netns))
        os.close(os.open(target, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
        syscalls.mount(create.OWN_NAMESPACE, target, None, syscalls.MS_BIND)
        inner = BatchSocket(netns)
        here = os.open(create.OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        address = interface(IPv4Address(0x0AF40002 + number), 16)
        peer = PeerEnd("eth0", MacAddress.for_address(address.ip), here)
        node = sockets[number % nodes]
        node.send([link_order.make_veth(f"pod{number}", 1450, bridges[number % nodes], peer)])
        index = link_order.index_in(inner.send([link_order.get_link("eth0")])[0])
        inner.send([link_order.set_up("eth0"), path_order.add_address(index, address)])
        node.send([link_order.set_up(f"pod{number}")])
        inner.close()
        os.close(here)
        syscalls.setns(home, syscalls.CLONE_NEWNET)
    os.close(home)
    for each in sockets:
        each.close()


def _ip_batch(netns: str, lines: Iterable[str]) -> None:
    subprocess.run(["ip", "-n", netns, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def _lines(wiring: Wiring) -> Iterable[str]:
    """The wiring as a person would type it."""
    for link in wiring.links:
        mac = f"address {link.mac}" if link.mac else ""
        if link.peer:
            far = f"peer name {link.peer.name} address {link.peer.mac} netns {link.peer.netns}"
            yield f"link add {link.name} mtu {link.mtu} type veth {far}"
            yield f"link set {link.name} master {link.master}"
        elif link.vxlan:
            kind = f"vxlan id {link.vxlan.vni} dstport {link.vxlan.port} local {link.vxlan.local}"
            yield f"link add {link.name} {mac} mtu {link.mtu} type {kind} dev {link.vxlan.parent} nolearning"
        elif link.kind is LinkKind.BRIDGE:
            yield f"link add {link.name} {mac} mtu {link.mtu} type bridge"
        yield f"link set {link.name} mtu {link.mtu} up"
    for each in wiring.addresses:
        yield f"addr add {each.address} dev {each.link} {'nodad' if each.address.version == 6 else ''}"
    for near in wiring.neighbours:
        yield f"neigh replace {near.address} lladdr {near.mac} dev {near.link} nud permanent"
    for route in wiring.routes:
        kind = "local" if route.local else ""
        via = f"via {route.via}" if route.via else ""
        yield f"route replace {kind} {route.destination} {via} dev {route.link} {'onlink' if route.onlink else ''}"
