"""A lab's wires in the kernel: built, built again, broken and repaired, grown and shrunk, gone."""

import itertools
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from dataplane.errors import LinkExists
from dataplane.fabric.build import add_node, build, destroy, remove_node
from dataplane.fabric.pod import PodLinks
from dataplane.model.address import IPAddress, MacAddress
from dataplane.model.topology import FabricPlan, NodePlan, Overlay, PodPort, interface
from dataplane.netlink import observe
from dataplane.netlink.batch import BatchSocket
from dataplane.netns import create
from dataplane.netns.enter import run_inside
from dataplane.netns.sweep import of_lab

pytestmark = pytest.mark.root


def ip(netns: str, *words: str) -> str:
    return subprocess.check_output(["ip", "-n", netns, *words], text=True)


def silent(netns: str, targets: Iterable[IPAddress]) -> set[IPAddress]:
    """Those that answer no echo request from this namespace within two seconds."""

    def ask() -> set[IPAddress]:
        waiting, deadline = set(targets), time.monotonic() + 2
        kinds = {4: (socket.AF_INET, socket.IPPROTO_ICMP), 6: (socket.AF_INET6, socket.IPPROTO_ICMPV6)}
        with ExitStack() as stack:
            sockets = {
                version: stack.enter_context(socket.socket(family, socket.SOCK_RAW, protocol))
                for version, (family, protocol) in kinds.items()
            }
            for target in waiting:
                # Echo request; of IPv4 with its checksum, of IPv6 the kernel computes it.
                request = b"\x08\x00\xf7\xff" if target.version == 4 else b"\x80\x00\x00\x00"
                sockets[target.version].sendto(request + bytes(4), (str(target), 0))
            while waiting and (left := deadline - time.monotonic()) > 0:
                for ready in select.select(list(sockets.values()), [], [], left)[0]:
                    packet, (sender, *_) = ready.recvfrom(2048)
                    kind = packet[0] if ready is sockets[6] else packet[(packet[0] & 15) * 4]
                    if kind in {0, 129}:  # echo reply
                        waiting.discard(ip_address(sender))
        return waiting

    return run_inside(netns, ask)


def whole(plan: FabricPlan) -> str:
    """All that ip shows of a lab, without what counts or ages."""
    places = (plan.netns, plan.internet.netns, *(node.netns for node in plan.nodes))
    shown = [
        ip(p, *w) for p in places for w in (("link",), ("addr",), ("route",), ("-6", "route"), ("neigh",))
    ]
    return "\n".join(shown)


def every_node_reaches_every_other_and_the_world(plan: FabricPlan) -> bool:
    for node in plan.nodes:
        others = [address for other in plan.nodes if other != node for address in other.addresses]
        gateways = [gateway.ip for other in plan.nodes if other != node for gateway in other.gateways]
        world = [network[-2] if network.num_addresses > 1 else network[0] for network in plan.internet.ranges]
        asked = {*others, *gateways, *world}
        deadline = time.monotonic() + 5  # the kernel puts a new cable to use a moment after it is up
        while (asked := silent(node.netns, tuple(asked))) and time.monotonic() < deadline:
            continue
        assert asked == set(), f"{node.name} does not reach all"
    return True


@pytest.mark.parametrize("overlay", ["vxlan", "direct"])
@pytest.mark.parametrize("dual", [True, False], ids=["dual", "v4"])
def test_a_lab_is_built_and_building_it_again_changes_nothing(make_fabric_plan, overlay, dual):
    plan = make_fabric_plan(overlay, dual=dual)

    assert build(plan) > 0
    before = whole(plan)
    assert build(plan) == 0

    assert whole(plan) == before
    assert every_node_reaches_every_other_and_the_world(plan)


def test_three_nodes_take_little_of_a_processor(make_fabric_plan):
    """Processor time, which others on the machine do not lengthen: 15 ms were seen."""
    plan = make_fabric_plan()
    began = time.process_time()

    build(plan)

    assert time.process_time() - began < 0.15


@pytest.mark.parametrize(
    "damage",
    [
        ("link", "delete", "vxlan1"),
        ("link", "set", "eth0", "down"),
        ("link", "set", "cni0", "mtu", "1400"),
        ("link", "set", "cni0", "address", "02:00:00:00:00:01"),
        ("addr", "delete", "10.244.1.1/24", "dev", "cni0"),
        ("addr", "add", "10.9.9.9/32", "dev", "cni0"),
        ("route", "delete", "default"),
        ("route", "replace", "10.244.2.0/24", "via", "10.0.1.9", "proto", "112"),
        ("route", "add", "10.99.0.0/16", "via", "10.0.1.9", "proto", "112"),
        ("neigh", "delete", "10.0.1.11", "dev", "eth0"),
        ("neigh", "replace", "10.244.2.0", "lladdr", "02:00:00:00:00:02", "dev", "vxlan1"),
        ("neigh", "add", "10.0.1.77", "lladdr", "02:00:00:00:00:02", "dev", "eth0"),
    ],
    ids=" ".join,
)
def test_what_is_missing_wrong_or_too_much_is_mended(make_fabric_plan, damage):
    plan = make_fabric_plan()
    build(plan)
    sound = sorted(whole(plan).split())
    ip(plan.node("node-1").netns, *damage)
    assert sorted(whole(plan).split()) != sound

    assert build(plan) > 0

    assert build(plan) == 0
    assert every_node_reaches_every_other_and_the_world(plan)


def test_a_cable_that_was_pulled_out_is_plugged_in_again(make_fabric_plan):
    plan = make_fabric_plan()
    build(plan)
    ip(plan.netns, "link", "delete", "node-2")

    assert build(plan) > 0

    assert every_node_reaches_every_other_and_the_world(plan)


def test_a_node_whose_namespace_is_gone_is_made_again(make_fabric_plan):
    plan = make_fabric_plan()
    build(plan)
    create.delete(plan.node("node-1").netns)

    deadline = time.monotonic() + 5
    while "node-1" in observe.links(plan.netns) and time.monotonic() < deadline:
        time.sleep(0.01)  # the kernel removes the cable with the namespace, in its own time
    build(plan)

    assert build(plan) == 0
    assert every_node_reaches_every_other_and_the_world(plan)


@pytest.mark.parametrize("orders", [1, 4, 9, 15, 19])
def test_a_build_that_was_killed_is_finished_by_the_next_one(make_fabric_plan, orders):
    """The builder kills itself with signal 9 after so many batches of orders to the kernel."""
    plan = make_fabric_plan()
    child = os.fork()
    if child == 0:
        sent = itertools.count(1)
        send = BatchSocket.send

        def send_and_die(self: BatchSocket, batch: list) -> list[bytes]:
            answers = send(self, batch)
            if next(sent) == orders:
                os.kill(os.getpid(), signal.SIGKILL)
            return answers

        BatchSocket.send = send_and_die
        build(plan)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL

    assert build(plan) > 0

    assert build(plan) == 0
    assert every_node_reaches_every_other_and_the_world(plan)


def test_routes_addresses_and_links_of_others_are_left_alone(make_fabric_plan):
    plan = make_fabric_plan()
    build(plan)
    node = plan.node("node-1").netns
    ip(node, "link", "add", "mine", "type", "bridge")
    ip(node, "addr", "add", "192.0.2.1/24", "dev", "mine")
    ip(node, "route", "add", "198.51.100.0/24", "via", "10.0.1.9")

    assert build(plan) == 0

    assert "192.0.2.1/24" in ip(node, "addr", "show", "mine")
    assert "198.51.100.0/24" in ip(node, "route")


def test_a_link_of_another_kind_in_the_way_is_named_with_its_mend(make_fabric_plan):
    plan = make_fabric_plan()
    node = plan.node("node-1").netns
    create.create(node)
    ip(node, "link", "add", "cni0", "type", "veth", "peer", "name", "other")

    with pytest.raises(LinkExists, match="cni0 is there, and is a veth") as refused:
        build(plan)

    assert refused.value.mend == f"ip -n {node} link delete cni0"


def test_a_lab_changes_its_overlay(make_fabric_plan):
    plan = make_fabric_plan("vxlan")
    build(plan)
    direct = replace(plan, tunnel=plan.tunnel.over(Overlay.DIRECT, plan.underlay_mtu, plan.families[0]))

    build(direct)

    assert "vxlan1" not in observe.links(plan.node("node-1").netns)
    assert build(direct) == 0
    assert every_node_reaches_every_other_and_the_world(direct)


def test_a_node_comes_and_goes_and_the_others_learn_and_forget_it(make_fabric_plan):
    plan = make_fabric_plan()
    build(plan)
    third = NodePlan(
        "node-3",
        f"podwire-{plan.lab}-node-3",
        (ip_address("10.0.1.12"), ip_address("fd00:10:1::c")),
        (ip_network("10.244.3.0/24"), ip_network("fd00:10:244:3::/64")),
    )

    add_node(plan, third)
    assert every_node_reaches_every_other_and_the_world(plan.with_node(third))

    remove_node(plan.with_node(third), third)
    assert third.netns not in of_lab(plan.lab)
    text = whole(plan)
    assert "10.244.3.0" not in text
    assert "10.0.1.12" not in text
    assert build(plan) == 0


def test_building_again_leaves_a_running_pods_link_and_neighbour_alone(make_fabric_plan):
    plan = make_fabric_plan()
    build(plan)
    node = plan.node("node-1")
    port = PodPort(
        "uid", node.netns, f"podwire-{plan.lab}-pod-a-b-1", "veth1", (interface(ip_address("10.244.1.9"), 24),),
        (node.gateways[0].ip,), MacAddress.for_address(ip_address("10.244.1.9")), node.bridge_mac, 1450,
    )  # fmt: skip
    with PodLinks(node.netns) as links:
        links.attach(port)
        links.enable(port.host_interface)

    assert build(plan) == 0

    assert "10.244.1.9 lladdr 0a:58:0a:f4:01:09 PERMANENT" in ip(node.netns, "neigh", "show", "dev", "cni0")
    assert silent(port.netns, [plan.node("node-2").addresses[0]]) == set()


def test_two_labs_with_the_same_addresses_do_not_see_each_other(make_fabric_plan):
    one, other = make_fabric_plan(), make_fabric_plan()
    build(one)
    build(other)
    ip(other.netns, "link", "set", "node-2", "down")

    assert every_node_reaches_every_other_and_the_world(one)
    assert silent(other.node("node-1").netns, other.node("node-2").addresses) == set(
        other.node("node-2").addresses
    )

    destroy(other.lab)
    assert every_node_reaches_every_other_and_the_world(one)


def test_destroying_leaves_nothing_and_doing_it_again_is_no_error(make_fabric_plan):
    plan = make_fabric_plan()
    build(plan)

    assert len(destroy(plan.lab).namespaces) == 5
    assert destroy(plan.lab).namespaces == ()
    assert of_lab(plan.lab) == ()
