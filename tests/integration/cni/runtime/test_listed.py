"""A node's pods under Debian's bridge, host-local and portmap, on the fabric of a lab without agents."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cni.errors import ConfigInvalid, PluginFailed
from cni.runtime.listed import ListedNetwork, Port
from cni.spec.config import AttachRequest, NodeNetwork, PortMapping
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from control.lab.spec_cni import USUAL_PATH
from dataplane.fabric.build import build
from dataplane.model.topology import FabricPlan
from dataplane.netlink import observe
from dataplane.netns import create
from dataplane.netns.sweep import sweep

ROOT = Path(__file__).resolve().parents[4]
DEBIAN = ROOT / "examples" / "cni" / "debian.conflist"
LAB = f"tl{os.getpid() % 1_000_000}"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        not any(Path(folder, "portmap").exists() for folder in USUAL_PATH),
        reason="no CNI plugins here: apt install containernetworking-plugins",
    ),
]


@pytest.fixture(scope="module")
def plan() -> Iterator[FabricPlan]:
    made = make_plan(LAB, LabSpec(nodes=default_nodes(2)), ipv6=True).fabric
    build(made)
    yield made
    sweep(LAB)


@pytest.fixture
def node(plan, tmp_path) -> NodeNetwork:
    one = plan.node("node-1")
    return NodeNetwork("node-1", one.netns, one.pod_cidrs, plan.tunnel.mtu, tmp_path)


@pytest.fixture
def network(node) -> Iterator[ListedNetwork]:
    made = listed(node)
    yield made
    made.gc(())


def listed(node: NodeNetwork, **bridge: object) -> ListedNetwork:
    document = json.loads(DEBIAN.read_text())
    document["plugins"][0] |= bridge
    return ListedNetwork(node, document, USUAL_PATH)


def request(number: int, *ports: PortMapping) -> AttachRequest:
    where = f"podwire-{LAB}-pod-shop-web-{number}"
    return AttachRequest(f"uid-{number}", where, "shop", f"web-{number}", port_mappings=ports)


def leases(node: NodeNetwork) -> set[str]:
    return {path.name for path in (node.directory / "host-local" / "debian").glob("*.*.*.*")}


def reached(netns: str, address: str) -> bool:
    ping = ["ip", "netns", "exec", netns, "ping", "-c1", "-W2", address]
    return subprocess.run(ping, capture_output=True, check=False).returncode == 0


def test_a_pod_gets_an_address_of_each_of_the_nodes_ranges_and_reaches_another_node(plan, node, network):
    result = network.add(request(1))

    assert all(ip in cidr for ip, cidr in zip(result.ips, node.pod_cidrs, strict=True))
    for address in (*plan.node("node-2").addresses, *node.gateways):
        assert reached(result.netns, str(address)), address
    assert observe.links(result.netns)["eth0"].mtu == plan.tunnel.mtu
    assert network.add(request(1)) == result


def test_its_port_is_what_the_kernel_has(node, network):
    network.add(request(1))
    port = network.port("uid-1")

    assert port is not None
    assert observe.links(node.netns)[port.interface].master == "cni0"
    assert observe.links(request(1).netns)["eth0"].mac == str(port.mac)
    assert network.port("nobody") is None


def test_a_host_port_is_the_pods_until_it_is_deleted(plan, node, network):
    network.add(request(1, PortMapping(8088, 80, "tcp")))
    rules = ["ip", "netns", "exec", node.netns, "iptables-save", "-t", "nat"]
    address = str(network.add(request(1)).ips[0])

    assert (
        f"--to-destination {address}:80"
        in subprocess.run(rules, capture_output=True, text=True, check=True).stdout
    )
    network.delete("uid-1", request(1).netns)
    assert "8088" not in subprocess.run(rules, capture_output=True, text=True, check=True).stdout


def test_delete_gives_everything_back_and_is_no_error_twice_or_for_nobody(node, network):
    port = network.add(request(1)) and network.port("uid-1")
    assert leases(node) != set()

    network.delete("uid-1", request(1).netns)
    network.delete("uid-1", request(1).netns)
    network.delete("nobody", "podwire-nobody")

    assert leases(node) == set()
    assert not create.is_there(request(1).netns)
    assert port is not None
    assert port.interface not in observe.links(node.netns)


def test_after_a_reboot_a_pod_has_its_addresses_again(node, network):
    network.add(request(1))
    before = network.add(request(2))
    create.delete(request(1).netns)
    create.delete(request(2).netns)

    successor = listed(node)
    assert successor.add(request(2)).ips == before.ips
    assert reached(before.netns, str(node.gateways[0]))


def test_addresses_that_no_other_node_has_a_route_to_are_refused_and_given_back(node):
    elsewhere = {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24"}]]}
    network = listed(node, ipam=elsewhere, isDefaultGateway=False)

    with pytest.raises(
        ConfigInvalid, match=r"shop/web-1: .* gave 10\.99\.0\.2, .* no other node has a route"
    ):
        network.add(request(1))
    assert leases(node) == set()
    assert not create.is_there(request(1).netns)


def test_a_plugins_error_is_told_in_its_own_words(node):
    network = listed(
        node, ipam={"type": "host-local", "ranges": [[{"subnet": "10.244.1.0/24", "gateway": "x"}]]}
    )

    with pytest.raises(PluginFailed, match="invalid IP address") as failed:
        network.add(request(1))
    assert failed.value.plugin == "bridge"
    network.gc(())


def test_a_node_without_ipv6_has_pods_without_it(node):
    one_family = replace(node, pod_cidrs=node.pod_cidrs[:1])
    network = listed(one_family, ipam={"type": "host-local", "ranges": [[{"subnet": "${podCIDR}"}]]})

    assert len(network.add(request(1)).ips) == 1
    network.gc(())


def test_our_own_plugin_takes_port_mappings_when_portmap_stands_behind_it(node):
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    document = {"cniVersion": "1.0.0", "name": "ours", "plugins": [{"type": "podwire-cni"}, portmap]}
    network = ListedNetwork(node, document, USUAL_PATH)

    first = network.add(request(1, PortMapping(8099, 80)))
    assert network.port("uid-1") == Port(first.host_interface, first.mac)
    for gateway in node.gateways:
        assert reached(first.netns, str(gateway))
    rules = subprocess.run(
        ["ip", "netns", "exec", node.netns, "iptables-save", "-t", "nat"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"--to-destination {first.ips[0]}:80" in rules
    network.delete("uid-1", first.netns)
    assert first.host_interface not in observe.links(node.netns)


def test_killed_at_random_moments_gc_leaves_no_lease_and_no_link(node, tmp_path):
    """An agent that adds and deletes dies somewhere; the plugin that was under way lives on, and GC waits for it."""
    links = {name for name in observe.links(node.netns) if name.startswith("veth")}
    program = f"""
import json, sys
from ipaddress import ip_network
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from cni.runtime.listed import ListedNetwork
from cni.spec.config import AttachRequest, NodeNetwork
node = NodeNetwork("node-1", {node.netns!r}, ({", ".join(f"ip_network({str(c)!r})" for c in node.pod_cidrs)},), 1450, Path({str(node.directory)!r}))
network = ListedNetwork(node, json.loads(Path({str(DEBIAN)!r}).read_text()), {USUAL_PATH!r})
print("ready", flush=True)
for number in range(3):
    network.add(AttachRequest(f"uid-{{number}}", f"podwire-{LAB}-pod-shop-web-{{number}}", "shop", f"web-{{number}}"))
for number in range(3):
    network.delete(f"uid-{{number}}", f"podwire-{LAB}-pod-shop-web-{{number}}")
"""
    seed = random.randrange(2**32)
    print("seed", seed)
    moments = random.Random(seed)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, process_group=0)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(moments.uniform(0.0, 1.2))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    listed(node).gc(())
    assert leases(node) == set()
    assert {name for name in observe.links(node.netns) if name.startswith("veth")} <= links
    assert list((node.directory / "attachments").iterdir()) == []
