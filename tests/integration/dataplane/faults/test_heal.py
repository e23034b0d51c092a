"""Each act in real namespaces: what it does to packets and processes, that it is found, and that it is undone."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import pytest

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.errors import LinkError, NoNetem, NotSupported
from dataplane.fabric.build import build
from dataplane.faults import halt, heal
from dataplane.faults.act import AddressDrop, Frozen, Halted, LinkDown, PortDrop, Shaped
from dataplane.host.capabilities import probe
from dataplane.host.cgroup import LabCgroup
from dataplane.model.topology import FabricPlan
from dataplane.netlink.observe import links
from dataplane.netns.enter import run_inside
from dataplane.netns.sweep import sweep
from dataplane.nft.handle import NftHandle

pytestmark = pytest.mark.root

PORT = 4000


@pytest.fixture
def fabric() -> Iterator[FabricPlan]:
    """Two nodes, the control plane and the internet, on one bridge."""
    lab = f"tf{os.getpid() % 100_000}"
    plan = make_plan(lab, LabSpec(nodes=default_nodes(2)), ipv6=True).fabric
    build(plan)
    yield plan
    sweep(lab)


def _socket(netns: str, address: str) -> socket.socket:
    def make() -> socket.socket:
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(kind, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.bind((address, PORT))
        made.settimeout(0.3)
        return made

    return run_inside(netns, make)


def arrived(fabric: FabricPlan, source: str, target: str, version: int = 0, count: int = 1) -> int:
    """How many of so many datagrams come from one node to another. version: index of the family."""
    one, other = fabric.node(source), fabric.node(target)
    here, there = str(one.addresses[version]), str(other.addresses[version])
    with _socket(one.netns, here) as mouth, _socket(other.netns, there) as ear:
        mouth.setblocking(False)
        for _ in range(count):
            # Refused: what a node drops of its own. Would block: frames that wait at a slow link fill its buffer.
            with suppress(PermissionError, BlockingIOError):
                mouth.sendto(b"x", (there, PORT))
        heard = 0
        try:
            while heard < count:
                ear.recv(10)
                heard += 1
        except TimeoutError:
            return heard
        return heard


def tables(netns: str) -> set[tuple[str, str]]:
    """Tables with chains: family and name."""
    with NftHandle(netns) as handle:
        return {(family, table) for family, table, _ in handle.chains()}


def test_a_link_down_is_found_and_put_up_again(fabric):
    act = LinkDown(fabric.netns, "node-1")
    assert not heal.in_force(act)

    heal.do(act, "cut node-1")
    assert heal.in_force(act)
    assert arrived(fabric, "node-2", "node-1") == 0
    assert links(fabric.node("node-1").netns)["eth0"].addresses

    heal.undo(act)
    assert not heal.in_force(act)
    assert arrived(fabric, "node-2", "node-1") == 1


def test_a_link_that_is_not_there_can_t_be_cut_and_is_healed_already(fabric):
    act = LinkDown(fabric.netns, "nobody")
    with pytest.raises(LinkError, match="nobody"):
        heal.do(act, "cut nobody")
    assert not heal.in_force(act)
    heal.undo(act)
    heal.undo(LinkDown("podwire-tfnone-fabric", "node-1"))


@pytest.mark.parametrize("version", [0, 1], ids=["v4", "v6"])
def test_a_pair_is_cut_both_ways_and_the_others_hear_each_other(fabric, version):
    act = PortDrop(fabric.netns, "f1", (("node-1", "node-2"), ("node-2", "node-1")))
    heal.do(act, "fault f1")

    assert heal.in_force(act)
    assert arrived(fabric, "node-1", "node-2", version) == 0
    assert arrived(fabric, "node-2", "node-1", version) == 0
    assert arrived(fabric, "cp", "node-1", version) == 1
    assert arrived(fabric, "node-2", "cp", version) == 1

    heal.undo(act)
    assert arrived(fabric, "node-1", "node-2", version) == 1


def test_healing_one_fault_leaves_the_other_and_the_last_takes_the_table_along(fabric):
    one = PortDrop(fabric.netns, "f1", (("node-1", ""), ("", "node-1")))
    other = PortDrop(fabric.netns, "f2", (("node-2", ""), ("", "node-2")))
    heal.do(one, "fault f1")
    heal.do(other, "fault f2")

    heal.undo(one)
    assert (heal.in_force(one), heal.in_force(other)) == (False, True)
    assert arrived(fabric, "cp", "node-1") == 1
    assert arrived(fabric, "cp", "node-2") == 0

    heal.undo(other)
    assert ("bridge", "podwire-fault") not in tables(fabric.netns)
    heal.undo(other)


def test_half_of_the_packets_are_lost(fabric):
    act = PortDrop(fabric.netns, "f1", (("node-1", "node-2"),), 50.0)
    heal.do(act, "fault f1")

    heard = arrived(fabric, "node-1", "node-2", count=1000)

    assert 300 < heard < 700  # twelve standard deviations
    assert arrived(fabric, "node-2", "node-1", count=1000) == 1000


def test_doing_it_again_replaces_its_rules(fabric):
    heal.do(PortDrop(fabric.netns, "f1", (("node-1", "node-2"),)), "fault f1")
    heal.do(PortDrop(fabric.netns, "f1", (("node-2", "node-1"),)), "fault f1")

    assert arrived(fabric, "node-1", "node-2") == 1
    assert arrived(fabric, "node-2", "node-1") == 0


def test_addresses_are_cut_at_a_node(fabric):
    here, there = fabric.node("node-1"), fabric.node("cp")
    pairs = tuple(
        (ip_network(a), ip_network(b)) for a, b in zip(here.addresses, there.addresses, strict=True)
    )
    act = AddressDrop(here.netns, "f1", pairs)
    heal.do(act, "fault f1")

    assert arrived(fabric, "node-1", "cp") == 0
    assert arrived(fabric, "node-1", "cp", 1) == 0
    assert arrived(fabric, "node-1", "node-2") == 1

    heal.undo(act)
    assert arrived(fabric, "node-1", "cp") == 1


def test_a_throttled_link_takes_what_its_rate_allows(fabric):
    act = Shaped(fabric.netns, "node-2", rate_bit=64_000)
    heal.do(act, "throttle")
    assert heal.in_force(act)
    heal.do(act, "throttle")

    # 20 kB at once, then what waits: of 3,000 frames of 43 bytes about a thousand.
    assert arrived(fabric, "node-1", "node-2", count=3000) < 2000

    heal.undo(act)
    assert not heal.in_force(act)
    assert arrived(fabric, "node-1", "node-2", count=1000) == 1000
    heal.undo(act)


def test_delay_is_netems_and_a_kernel_without_it_is_named(fabric):
    act = Shaped(fabric.netns, "node-2", delay_ms=40, jitter_ms=5)
    if probe().netem:
        heal.do(act, "delay")
        assert heal.in_force(act)
        heal.undo(act)
    else:
        with pytest.raises(NoNetem, match="sch_netem"):
            heal.do(act, "delay")
    assert not heal.in_force(act)


def test_a_process_is_halted_and_goes_on():
    with subprocess.Popen(["sleep", "100"]) as child:
        act = Halted(child.pid, halt.born(child.pid))
        heal.do(act, "pause")
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert heal.in_force(act)
        assert not heal.in_force(Halted(child.pid, act.born + 1)), "another process of that number"
        heal.undo(act)
        assert not heal.in_force(act)
        child.send_signal(signal.SIGKILL)


def test_a_group_is_frozen_and_thawed():
    group = LabCgroup(f"tf{os.getpid() % 100_000}")
    try:
        group.create()
        act = Frozen(str(group.make("nodes/node-1")))
        if not Path(act.path, "cgroup.freeze").exists():
            with pytest.raises(NotSupported, match="frozen"):
                heal.do(act, "pause")
            return
        heal.do(act, "pause")
        assert heal.in_force(act)
        heal.undo(act)
        assert not heal.in_force(act)
    finally:
        group.remove()
    assert not heal.in_force(act)
    heal.undo(act)
