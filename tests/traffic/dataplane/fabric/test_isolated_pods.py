"""Pods of one node where the bridge hides their packets from the IP layer: routed instead, so that it sees them.

The tests' node switches its own bridge hooks off: as on a machine without br_netfilter.
"""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cni.runtime.inprocess import AttachRequest, NodeNetwork, PodNetwork
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from control.testkit.expect import icmp
from control.testkit.place import Place
from control.testkit.wire import watching
from dataplane.fabric.build import build
from dataplane.model.address import Family
from dataplane.netns.names import NamespaceName
from dataplane.netns.sweep import sweep

pytestmark = pytest.mark.root

_numbers = itertools.count(1)


class Node:
    """node-1 of a lab with its hooks off, and pods plugged in by the CNI plugin."""

    def __init__(self, netns: str, network: PodNetwork, lab: str) -> None:
        self.netns, self.network, self.lab = netns, network, lab

    def pod(self, name: str) -> Place:
        netns = str(NamespaceName.of_pod(self.lab, "test", name, name))
        result = self.network.add(AttachRequest(name, netns, "test", name))
        self.network.enable(name)
        self.network.check(name)
        return Place(name, netns, {Family.of(each): each for each in result.ips})


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[Node]:
    lab = f"tr{os.getpid() % 100_000}x{next(_numbers)}"
    with ExitStack() as undo:
        undo.callback(sweep, lab)
        plan = make_plan(lab, LabSpec(nodes=default_nodes(2)), ipv6=True).fabric
        build(plan)
        one = plan.node("node-1")
        for hook in ("iptables", "ip6tables"):
            words = f"ip netns exec {one.netns} sysctl -w net.bridge.bridge-nf-call-{hook}=0"
            subprocess.run(words.split(), check=True, capture_output=True)
        directory = tmp_path_factory.mktemp("ipam")
        settings = NodeNetwork("node-1", one.netns, one.pod_cidrs, plan.tunnel.mtu, directory)
        yield Node(one.netns, undo.enter_context(PodNetwork(settings)), lab)


@pytest.fixture(scope="module")
def pods(node) -> tuple[Place, Place]:
    return node.pod("ann"), node.pod("bob")


@pytest.fixture(params=[Family.V4, Family.V6], ids=["v4", "v6"])
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


def test_pods_of_one_node_meet_through_the_node_which_takes_one_from_the_ttl(pods, family):
    ann, bob = pods

    with watching(bob.eth0) as wire:
        ann.run("ping", "-c1", "-W1", str(bob.ip[family]))

    assert wire.at(bob.eth0).requests == [icmp(ann.ip[family], bob.ip[family], ttl=63)]
    assert not any(frame[12:14] == b"\x08\x06" for frame in wire.frames(bob.eth0)), (
        "somebody asked for a neighbour"
    )


def test_the_forward_hook_sees_what_goes_from_pod_to_pod_and_can_stop_it(node, pods, family):
    ann, bob = pods
    words = {Family.V4: "ip", Family.V6: "ip6"}[family]
    rules = f"""table inet test {{ chain forward {{ type filter hook forward priority 0;
        {words} saddr {ann.ip[family]} {words} daddr {bob.ip[family]} counter drop
    }}
    }}"""
    subprocess.run(["ip", "netns", "exec", node.netns, "nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        with pytest.raises(subprocess.CalledProcessError):
            ann.run("ping", "-c1", "-W0.2", str(bob.ip[family]))
        listed = subprocess.check_output(
            ["ip", "netns", "exec", node.netns, "nft", "list", "table", "inet", "test"]
        )
        assert b"counter packets 1 " in listed
    finally:
        subprocess.run(
            ["ip", "netns", "exec", node.netns, "nft", "delete", "table", "inet", "test"], check=True
        )
    ann.run("ping", "-c1", "-W1", str(bob.ip[family]))


def test_a_pod_reaches_itself_by_an_address_that_is_translated_to_it(node, pods, family):
    """Hairpin: what a Service whose endpoint is its own client does."""
    ann, _ = pods
    words, door = {Family.V4: ("ip", "10.96.0.77"), Family.V6: ("ip6", "fd00:10:96::77")}[family]
    rules = f"""table inet test {{
        chain pre {{ type nat hook prerouting priority -100; {words} daddr {door} dnat {words} to {ann.ip[family]}
        }}
        chain post {{ type nat hook postrouting priority 100;
            {words} saddr {ann.ip[family]} {words} daddr {ann.ip[family]} masquerade
        }}
    }}"""
    subprocess.run(["ip", "netns", "exec", node.netns, "nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        ann.run("ping", "-c1", "-W1", door)
    finally:
        subprocess.run(
            ["ip", "netns", "exec", node.netns, "nft", "delete", "table", "inet", "test"], check=True
        )


def test_a_pod_stays_on_the_way_through_its_gateway_whatever_the_node_advises(pods, family):
    """A node that sends a packet out where it came in advises the sender to go there itself (RFC 4861, section 8).

    The kernel heeds it where a socket waits for an answer and nobody is in a call on it: at a SYN said again.
    """
    ann, bob = pods
    bob.run(
        "nft", "add table inet mute { chain in { type filter hook input priority 0; tcp dport 9 drop; }; }"
    )
    try:
        assert not ann.can_connect(bob.ip[family], 9, timeout_s=3.5)  # said again after 1 s and 3 s
    finally:
        bob.run("nft", "delete table inet mute")

    strangers = [line for line in ann.run("ip", "neighbour").splitlines() if "PERMANENT" not in line]
    assert strangers == []
    ann.run("ping", "-c1", "-W1", str(bob.ip[family]))
