"""Pods of one node are introduced to each other, so that nobody asks and nothing is lost for want of an answer."""

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cni.runtime.inprocess import AttachRequest, CniResult, NodeNetwork, PodNetwork
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from control.testkit.until import until
from control.testkit.wire import Interface, watching
from dataplane.fabric import neighbourhood
from dataplane.fabric.build import build
from dataplane.model.address import Family
from dataplane.netns.enter import run_inside
from dataplane.netns.sweep import sweep

pytestmark = pytest.mark.root

_numbers = itertools.count(1)


class Node:
    """A node whose agent may be started anew."""

    def __init__(self, settings: NodeNetwork, lab: str) -> None:
        self.settings, self.lab = settings, lab
        self.agent = PodNetwork(settings)

    def restart_agent(self) -> None:
        self.close()
        self.agent = PodNetwork(self.settings)

    def close(self) -> None:
        self.agent.close()

    def pod(self, name: str) -> CniResult:
        result = self.agent.add(AttachRequest(name, f"podwire-{self.lab}-pod-test-{name}", "test", name))
        self.agent.enable(name)
        return result


@pytest.fixture
def node(tmp_path) -> Iterator[Node]:
    lab = f"th{os.getpid() % 100_000}x{next(_numbers)}"
    with ExitStack() as undo:
        undo.callback(sweep, lab)
        plan = make_plan(lab, LabSpec(nodes=default_nodes(1)), ipv6=True).fabric
        build(plan)
        one = plan.node("node-1")
        made = Node(
            NodeNetwork("node-1", one.netns, one.pod_cidrs, plan.tunnel.mtu, tmp_path, isolated=False), lab
        )
        undo.callback(made.close)
        yield made


@pytest.fixture(params=[Family.V4, Family.V6], ids=["v4", "v6"])
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


def mailbox(pod: CniResult, family: Family) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET if family is Family.V4 else socket.AF_INET6, socket.SOCK_DGRAM)
        made.bind(("0.0.0.0" if family is Family.V4 else "::", 5000))
        made.settimeout(1)
        return made

    return run_inside(pod.netns, make)


def address(pod: CniResult, family: Family) -> str:
    return str(next(ip for ip in pod.ips if ip.version == family))


def known(pod: CniResult) -> set[str]:
    """Permanent neighbours but the gateway."""
    shown = subprocess.check_output(["ip", "-n", pod.netns, "neigh", "show", "nud", "permanent"], text=True)
    return {line.split()[0] for line in shown.splitlines()} - {str(gateway) for gateway in pod.gateways}


def test_forty_pods_that_all_talk_to_each_other_at_once_lose_nothing(node, family):
    """Without introductions a third is lost: the machine's table holds 1,024 answers of the last five seconds."""
    pods = [node.pod(f"p{number}") for number in range(40)]
    with ExitStack() as stack:
        boxes = [stack.enter_context(mailbox(pod, family)) for pod in pods]
        for sender, box in enumerate(boxes):
            for receiver, pod in enumerate(pods):
                if sender != receiver:
                    box.sendto(b"%d" % sender, (address(pod, family), 5000))

        for receiver, box in enumerate(boxes):
            senders = {int(box.recv(10)) for _ in range(len(pods) - 1)}
            assert senders == set(range(len(pods))) - {receiver}


def test_no_pod_asks_for_another_of_its_node(node, family):
    ann, bob = node.pod("ann"), node.pod("bob")
    eth0 = Interface(ann.netns, "eth0")

    with watching(eth0) as wire, mailbox(ann, family) as one, mailbox(bob, family) as other:
        one.sendto(b"hello", (address(bob, family), 5000))
        assert other.recv(10) == b"hello"

    assert not [frame for frame in wire.frames(eth0) if frame[12:14] == b"\x08\x06"]
    # Neighbour solicitations (ICMPv6 135) but those for link-local addresses.
    asked = [f for f in wire.frames(eth0) if f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 135]
    assert not [frame for frame in asked if frame[62:64] != b"\xfe\x80"]


def test_a_pod_that_left_is_forgotten_by_the_others(node):
    ann, bob, cyd = (node.pod(name) for name in ("ann", "bob", "cyd"))
    assert known(ann) == {str(ip) for pod in (bob, cyd) for ip in pod.ips}

    node.agent.delete("bob")

    until(lambda: known(ann) == {str(ip) for ip in cyd.ips}, what="ann forgets bob")
    assert known(cyd) == {str(ip) for ip in ann.ips}


def test_after_an_agents_restart_old_and_new_pods_are_introduced(node):
    ann = node.pod("ann")
    node.restart_agent()

    bob = node.pod("bob")

    assert known(ann) == {str(ip) for ip in bob.ips}
    assert known(bob) == {str(ip) for ip in ann.ips}


def test_a_pod_whose_link_is_gone_is_in_nobodys_way(node):
    ann = node.pod("ann")
    subprocess.run(["ip", "-n", ann.netns, "link", "delete", "eth0"], check=True)

    bob, cyd = node.pod("bob"), node.pod("cyd")

    assert known(cyd) >= {str(ip) for ip in bob.ips}


def test_a_pod_beyond_those_that_are_introduced_is_reached_by_asking(node, monkeypatch, family):
    monkeypatch.setattr(neighbourhood, "MOST", 2)
    ann, bob, cyd = (node.pod(name) for name in ("ann", "bob", "cyd"))
    assert known(cyd) == set()
    assert known(ann) == {str(ip) for ip in bob.ips}

    with mailbox(ann, family) as one, mailbox(cyd, family) as other:
        one.sendto(b"hello", (address(cyd, family), 5000))
        assert other.recv(10) == b"hello"


def test_a_deleted_pods_namespace_is_let_go(node):
    """An open socket would keep it, and its link, alive."""
    ann = node.pod("ann")
    node.agent.delete("ann")

    def gone() -> bool:
        shown = subprocess.check_output(["ip", "-n", node.settings.netns, "link"], text=True)
        return ann.host_interface not in shown

    until(gone, what="the pod's link is gone from the node")
