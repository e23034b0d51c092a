"""Row flood: UDP packets a second of the test kit's bulk sender, from pod to pod on one node.

Its floor is a cable without anything else: two namespaces, one veth pair. Arrivals are counted by the kernel.
"""

import os
import subprocess
import time
from ipaddress import ip_address

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from control.testkit.place import Place
from dataplane.fabric.build import build
from dataplane.fabric.pod import PodLinks
from dataplane.model.address import Family, MacAddress
from dataplane.model.topology import PodPort, interface, pod_link_name
from dataplane.netns import create
from dataplane.netns.sweep import sweep
from dataplane.observe import craft
from tests.bench.harness import Bench, BenchFailed, Line, budget, pairs

PACKETS = 100_000
LAB = f"ttf{os.getpid() % 100_000}"


def received(place: Place) -> int:
    """Packets that came in at a place's eth0 so far."""
    for line in place.run("cat", "/proc/net/dev").splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "eth0":
            return int(numbers.split()[1])
    raise LookupError(f"{place.name} has no eth0")


def pods() -> tuple[Place, Place]:
    """Two pods of one node, plugged in as CNI does."""
    plan = make_plan(LAB, LabSpec(nodes=default_nodes(1)), ipv6=True).fabric
    build(plan)
    node, made = plan.node("node-1"), []
    with PodLinks(node.netns) as links:
        for host in (10, 11):
            addresses = tuple(interface(cidr[host], cidr.prefixlen) for cidr in node.pod_cidrs)
            port = PodPort(
                f"p{host}", node.netns, f"podwire-{LAB}-pod-p{host}", pod_link_name(f"{LAB}p{host}"), addresses,
                tuple(gateway.ip for gateway in node.gateways), MacAddress.for_address(addresses[0].ip),
                node.bridge_mac, plan.tunnel.mtu,
            )  # fmt: skip
            links.attach(port)
            links.enable(port.host_interface, port.netns)
            made.append(Place(f"p{host}", port.netns, {Family.of(a.ip): a.ip for a in addresses}))
    return made[0], made[1]


def cable() -> tuple[Place, Place]:
    """Two namespaces and a veth pair."""
    ends = []
    for number in (1, 2):
        netns = f"podwire-{LAB}-end{number}"
        create.create(netns)
        ends.append(Place(f"end{number}", netns, {Family.V4: ip_address(f"192.0.2.{number}")}))
    words = ["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", ends[1].netns]
    subprocess.run(["ip", "-n", ends[0].netns, *words], check=True)
    for end in ends:
        end.run("ip", "addr", "add", f"{end.ip[Family.V4]}/24", "dev", "eth0")
        end.run("ip", "link", "set", "eth0", "up")
    return ends[0], ends[1]


def flood(sender: Place, receiver: Place, count: int) -> float:
    """Packets a second; all of them must have arrived."""
    ends = craft.Ends(sender.ip[Family.V4], receiver.ip[Family.V4])
    packets = [craft.udp(ends, 20_000 + number, 9, b"flood") for number in range(64)]
    with receiver.serve("9/UDP", answer=None):
        before = received(receiver)
        sent = sender.flood(packets, count=count, within_s=60)
        if (arrived := received(receiver) - before) < count:
            raise BenchFailed(f"{arrived} of {count} packets arrived")
    return sent.packets_per_second


def measure() -> list[Line]:
    """Both in turn, five times."""
    try:
        pod, wire = pods(), cable()
        value, floor = pairs(lambda: flood(*pod, PACKETS), lambda: flood(*wire, PACKETS), 5)
        began, cpu = time.perf_counter(), time.process_time()
        rate = flood(*pod, PACKETS)
        part = (time.process_time() - cpu) / (time.perf_counter() - began)
    finally:
        sweep(LAB)
    note = f"{rate / part:,.0f} a second of CPU: the whole way to the receiver runs in the sender's call"
    return [
        Line("flood", "the test kit's bulk sender, pod to pod on a node", value, "packets/s", "higher", floor,
             "the same over a bare cable", budget("flood"), note),
    ]  # fmt: skip


BENCH = Bench("flood", "the test kit's bulk sender, against a bare cable", 20, measure)
