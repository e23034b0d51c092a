"""A node's pod network, in-process: addresses on disk and links in the kernel, together."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cni.errors import AttachmentWrong, PluginNotReady, PoolExhausted
from cni.runtime.inprocess import AttachRequest, NodeNetwork, PodNetwork
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.errors import LinkError, NamespaceGone
from dataplane.fabric.build import build
from dataplane.model.topology import FabricPlan
from dataplane.netlink import observe
from dataplane.netns import create
from dataplane.netns.sweep import of_lab, sweep

pytestmark = pytest.mark.root

LAB = f"ti{os.getpid() % 1_000_000}"
ROOT = Path(__file__).resolve().parents[4]


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
def network(node) -> Iterator[PodNetwork]:
    with PodNetwork(node) as made:
        yield made
        made.gc(())


def request(number: int) -> AttachRequest:
    return AttachRequest(f"uid-{number}", f"podwire-{LAB}-pod-shop-web-{number}", "shop", f"web-{number}")


def pods() -> list[str]:
    return [name for name in of_lab(LAB) if "-pod-" in name]


def test_a_pod_that_was_added_and_enabled_talks_to_another_node(plan, network):
    result = network.add(request(1))
    network.enable("uid-1")

    assert [address.version for address in result.ips] == [4, 6]
    for address in plan.node("node-2").addresses:
        ping = ["ip", "netns", "exec", result.netns, "ping", "-c1", "-W1", str(address)]
        subprocess.run(ping, check=True, capture_output=True)


def test_adding_again_gives_the_same_result_and_the_next_pod_another_address(network):
    first = network.add(request(1))

    assert network.add(request(1)) == first
    assert set(network.add(request(2)).ips).isdisjoint(first.ips)
    assert network.list() == (first, network.add(request(2)))


def test_a_new_agent_finds_what_the_last_one_attached(node, network):
    result = network.add(request(1))

    with PodNetwork(node) as successor:
        assert successor.list() == (result,)
        successor.enable("uid-1")
        successor.check("uid-1")
        assert observe.links(node.netns)[result.host_interface].up


def test_deleting_removes_namespace_and_address_and_is_no_error_twice_or_for_nobody(network):
    result = network.add(request(1))

    network.delete("uid-1")
    network.delete("uid-1", result.netns)
    network.delete("nobody")

    assert network.list() == ()
    assert not create.is_there(result.netns)


def test_an_address_given_back_is_not_the_next_one_given(network):
    first = network.add(request(1))
    network.delete("uid-1")

    assert set(network.add(request(2)).ips).isdisjoint(first.ips)


def test_gc_deletes_all_but_the_valid(network):
    for number in range(4):
        network.add(request(number))

    assert network.gc({"uid-2", "unknown"}) == ("uid-0", "uid-1", "uid-3")
    assert [result.container_id for result in network.list()] == ["uid-2"]
    assert pods() == [request(2).netns]


def test_check_names_what_is_wrong(node, network):
    result = network.add(request(1))
    network.check("uid-1")

    subprocess.run(
        ["ip", "-n", result.netns, "addr", "del", str(result.addresses[0]), "dev", "eth0"], check=True
    )
    with pytest.raises(AttachmentWrong, match=f"shop/web-1: eth0 has lost {result.addresses[0]}"):
        network.check("uid-1")

    subprocess.run(["ip", "-n", node.netns, "link", "set", result.host_interface, "nomaster"], check=True)
    with pytest.raises(AttachmentWrong, match="not a port of cni0"):
        network.check("uid-1")

    subprocess.run(["ip", "-n", node.netns, "link", "del", result.host_interface], check=True)
    with pytest.raises(AttachmentWrong, match="no link"):
        network.check("uid-1")

    network.add(request(1))
    network.check("uid-1")


def test_a_full_node_refuses_one_more_and_says_so_in_its_status(plan, node, tmp_path):
    from dataclasses import replace
    from ipaddress import ip_network

    small = replace(node, pod_cidrs=(ip_network("10.244.1.0/29"),))
    with PodNetwork(small) as network:
        network.status()
        for number in range(5):
            network.add(request(number))

        with pytest.raises(PoolExhausted):
            network.add(request(9))
        with pytest.raises(PluginNotReady, match="all 5 addresses"):
            network.status()
        assert len(pods()) == 5
        network.gc(())


def test_without_a_node_there_is_no_network(node):
    from dataclasses import replace

    with pytest.raises(NamespaceGone):
        PodNetwork(replace(node, netns=f"podwire-{LAB}-nobody"))


def test_enabling_what_was_never_added_is_an_error(network):
    with pytest.raises(LinkError):
        network.enable("nobody")


def test_an_agent_killed_in_the_middle_of_many_adds_leaves_nothing_that_gc_does_not_find(node, network):
    program = (
        "import sys; from pathlib import Path; from ipaddress import ip_network\n"
        "from cni.runtime.inprocess import *\n"
        f"node = NodeNetwork('node-1', {node.netns!r}, (ip_network('10.244.1.0/24'), "
        f"ip_network('fd00:10:244:1::/64')), 1450, Path({str(node.directory)!r}))\n"
        "network = PodNetwork(node)\n"
        "for n in range(200):\n"
        f"    network.add(AttachRequest(f'uid-{{n}}', f'podwire-{LAB}-pod-shop-web-{{n}}', 'shop', f'web-{{n}}'))\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as agent:
        assert agent.stdout is not None
        for _ in range(20):
            agent.stdout.readline()
        agent.send_signal(signal.SIGKILL)
        agent.wait()

    attached = {result.netns for result in network.list()}
    assert len(attached) >= 20
    assert set(pods()) <= attached
    network.gc(())
    assert pods() == []
