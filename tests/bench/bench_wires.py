"""Bench: a lab's wires. Rows: three nodes from nothing, pods plugged in, TCP from pod to pod across nodes.

Run as root: ``python tests/bench/bench_wires.py [SECONDS]``. The peer of each value is plain ``ip -batch`` that makes the
same by hand, in the same run; for TCP the topology that it made carries the peer's bytes.
"""

import os
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.fabric.build import build, wirings
from dataplane.fabric.pod import PodLinks
from dataplane.model.address import MacAddress
from dataplane.model.topology import FabricPlan, NodePlan, PodPort, interface, pod_link_name
from dataplane.model.wiring import EVERYWHERE, LinkKind, Wiring
from dataplane.netns import create
from dataplane.netns.enter import run_inside
from dataplane.netns.sweep import sweep
from dataplane.netns.sysctl import Place

OURS, PEER = f"tbo{os.getpid() % 100_000}", f"tbp{os.getpid() % 100_000}"
PODS = 100


def fabric(lab: str) -> FabricPlan:
    return make_plan(lab, LabSpec(nodes=default_nodes(2)), ipv6=True).fabric


def port(lab: str, node: NodePlan, host: int, mtu: int) -> PodPort:
    addresses = tuple(interface(cidr[host], cidr.prefixlen) for cidr in node.pod_cidrs)
    return PodPort(
        f"{node.name}-{host}", node.netns, f"podwire-{lab}-pod-{node.name}-{host}",
        pod_link_name(f"{node.name}-{host}"), addresses, tuple(gateway.ip for gateway in node.gateways),
        MacAddress.for_address(addresses[0].ip), node.bridge_mac, mtu,
    )  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ip_batch(netns: str, lines: Iterable[str]) -> None:
    subprocess.run(["ip", "-n", netns, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def by_hand(wiring: Wiring) -> Iterable[str]:
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


def pod_by_hand(want: PodPort) -> None:
    create.create(want.netns)
    ip_batch(
        want.node_netns,
        [
            f"link add {want.host_interface} mtu {want.mtu} type veth peer name eth0 mtu {want.mtu}"
            f" address {want.mac} netns {want.netns}",
            f"link set {want.host_interface} master cni0",
            f"link set {want.host_interface} type bridge_slave hairpin on",
            *(f"neigh replace {a.ip} lladdr {want.mac} dev cni0 nud permanent" for a in want.addresses),
            f"link set {want.host_interface} up",
        ],
    )
    ip_batch(
        want.netns,
        [
            "link set eth0 up",
            *(f"addr add {a} dev eth0 {'nodad' if a.version == 6 else ''}" for a in want.addresses),
            *(f"neigh replace {g} lladdr {want.gateway_mac} dev eth0 nud permanent" for g in want.gateways),
            *(f"route add {EVERYWHERE[g.version]} via {g}" for g in want.gateways),
        ],
    )


def fabric_by_hand(plan: FabricPlan) -> None:
    places = [(plan.netns, Place.FABRIC), (plan.internet.netns, Place.INTERNET)]
    for netns, place in [*places, *((node.netns, Place.NODE) for node in plan.nodes)]:
        create.create(netns, place)
    for wiring in wirings(plan):
        ip_batch(wiring.netns, by_hand(wiring))
        for entry in wiring.forwarding:
            words = f"bridge -n {wiring.netns} fdb append {entry.mac} dev {entry.link} dst {entry.remote}"
            subprocess.run(words.split(), check=True)


def throughput(sender: str, receiver: str, address: IPv4Address, for_s: float) -> float:
    """Gigabits a second of one TCP connection."""
    listener = run_inside(receiver, lambda: socket.create_server(("0.0.0.0", 5001)))
    got: list[int] = []

    def drain() -> None:
        connection, _ = listener.accept()
        buffer = bytearray(1 << 20)
        with connection:
            while size := connection.recv_into(buffer):
                got.append(size)

    reader = threading.Thread(target=drain)
    reader.start()
    with listener, run_inside(sender, lambda: socket.create_connection((str(address), 5001))) as connection:
        block, began = bytes(1 << 20), time.perf_counter()
        while time.perf_counter() - began < for_s:
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
        reader.join()
        return sum(got) * 8 / (time.perf_counter() - began) / 1e9


def row(what: str, value: float, unit: str, peer: float, ratio: float) -> None:
    print(f"{what:44} {value:9.2f} {unit:6} ip by hand {peer:9.2f}   ratio {ratio:6.2f}")


def bench(for_s: float) -> None:
    ours, peer = fabric(OURS), fabric(PEER)
    took, by_hand_took = seconds(lambda: build(ours)), seconds(lambda: fabric_by_hand(peer))
    row("three nodes from nothing", took * 1e3, "ms", by_hand_took * 1e3, by_hand_took / took)

    def plug_in() -> None:
        for name in ("node-1", "node-2"):
            node = ours.node(name)
            with PodLinks(node.netns) as links:
                for host in range(10, 10 + PODS // 2):
                    want = port(OURS, node, host, ours.tunnel.mtu)
                    links.attach(want)
                    links.enable(want.host_interface, want.netns)

    def plug_in_by_hand() -> None:
        for name in ("node-1", "node-2"):
            for host in range(10, 10 + PODS // 2):
                pod_by_hand(port(PEER, peer.node(name), host, peer.tunnel.mtu))

    took, by_hand_took = seconds(plug_in), seconds(plug_in_by_hand)
    row(f"{PODS} pods plugged in, a second", PODS / took, "pods/s", PODS / by_hand_took, by_hand_took / took)

    address = port(OURS, ours.node("node-2"), 10, 1450).addresses[0].ip
    assert isinstance(address, IPv4Address)
    results: dict[str, list[float]] = {OURS: [], PEER: []}
    for _ in range(3):
        for lab in (OURS, PEER):
            sender, receiver = f"podwire-{lab}-pod-node-1-10", f"podwire-{lab}-pod-node-2-10"
            results[lab].append(throughput(sender, receiver, address, for_s))
    best, best_by_hand = max(results[OURS]), max(results[PEER])
    row("TCP, pod to pod across nodes, best of 3", best, "Gbit/s", best_by_hand, best / best_by_hand)


if __name__ == "__main__":
    print(f"{platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    try:
        bench(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    finally:
        sweep(OURS)
        sweep(PEER)
