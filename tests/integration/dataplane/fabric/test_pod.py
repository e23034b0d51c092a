"""A pod's link in the kernel."""

import subprocess
import time
from dataclasses import replace
from ipaddress import ip_address

import pytest

from dataplane.errors import KernelError, LinkError, NamespaceGone
from dataplane.fabric import pod
from dataplane.fabric.build import build
from dataplane.fabric.pod import PodLinks
from dataplane.model.address import MacAddress
from dataplane.model.topology import FabricPlan, PodPort, interface
from dataplane.netlink import observe
from dataplane.netns import create
from dataplane.netns.sweep import sweep

pytestmark = pytest.mark.root


@pytest.fixture
def plan(make_fabric_plan) -> FabricPlan:
    made = make_fabric_plan()
    build(made)
    return made


def port(plan: FabricPlan, number: int = 9) -> PodPort:
    node = plan.node("node-1")
    addresses = tuple(interface(cidr[number], cidr.prefixlen) for cidr in node.pod_cidrs)
    return PodPort(
        container_id=f"uid-{number}",
        node_netns=node.netns,
        netns=f"podwire-{plan.lab}-pod-test-{number}",
        host_interface=f"veth{number}",
        addresses=addresses,
        gateways=tuple(gateway.ip for gateway in node.gateways),
        mac=MacAddress.for_address(addresses[0].ip),
        gateway_mac=node.bridge_mac,
        mtu=plan.tunnel.mtu,
        label=f"test/{number}",
    )


def ip(netns: str, *words: str) -> str:
    return subprocess.check_output(["ip", "-n", netns, *words], text=True)


def test_an_attached_pod_has_its_addresses_routes_and_neighbour_and_its_nodes_end_is_down(plan):
    want = port(plan)
    pod.attach(want)

    host = observe.links(want.node_netns)["veth9"]
    inside = observe.links(want.netns)["eth0"]
    assert (host.up, host.master, host.hairpin, host.mtu, host.alias) == (False, "cni0", True, 1450, "test/9")
    assert "inet6" not in ip(want.node_netns, "addr", "show", "veth9"), "the port has an address of its own"
    assert (inside.up, inside.mac, inside.mtu) == (True, "0a:58:0a:f4:01:09", 1450)
    assert inside.addresses == want.addresses
    assert "default via 10.244.1.1 dev eth0" in ip(want.netns, "route")
    assert "default via fd00:10:244:1::1 dev eth0" in ip(want.netns, "-6", "route")
    assert ip(want.netns, "neigh").count("lladdr 0a:58:0a:f4:01:01 PERMANENT") == 2
    assert ip(want.node_netns, "neigh", "show", "dev", "cni0").count("0a:58:0a:f4:01:09 PERMANENT") == 2


def test_enabled_its_addresses_are_usable_at_once_in_both_families(plan):
    want = port(plan)
    pod.attach(want)
    pod.enable(want.node_netns, want.host_interface)

    assert "tentative" not in ip(want.netns, "addr")
    for address in ("10.0.1.11", "fd00:10:1::b"):
        ping = ["ip", "netns", "exec", want.netns, "ping", "-c1", "-W1", address]
        subprocess.run(ping, check=True, capture_output=True)


def test_attaching_again_changes_nothing_of_a_pod_that_runs(plan):
    want = port(plan)
    pod.attach(want)
    pod.enable(want.node_netns, want.host_interface)
    before = observe.links(want.node_netns), observe.links(want.netns), ip(want.netns, "route")

    pod.attach(want)

    assert (observe.links(want.node_netns), observe.links(want.netns), ip(want.netns, "route")) == before


def test_attaching_again_mends_what_a_pod_lost(plan):
    want = port(plan)
    pod.attach(want)
    ip(want.netns, "addr", "flush", "dev", "eth0", "scope", "global")
    ip(want.netns, "neigh", "flush", "all", "nud", "permanent")

    pod.attach(want)

    assert observe.links(want.netns)["eth0"].addresses == want.addresses
    assert "default via 10.244.1.1" in ip(want.netns, "route")
    assert ip(want.netns, "neigh").count("PERMANENT") == 2


def test_attaching_again_plugs_a_pod_into_a_bridge_that_was_made_anew(plan):
    want = port(plan)
    pod.attach(want)
    pod.enable(want.node_netns, want.host_interface)
    ip(want.node_netns, "link", "delete", "cni0")
    build(plan)

    pod.attach(want)

    assert observe.links(want.node_netns)["veth9"].master == "cni0"
    ping = ["ip", "netns", "exec", want.netns, "ping", "-c1", "-W1", "10.0.1.11"]
    subprocess.run(ping, check=True, capture_output=True)


def test_a_link_whose_pod_lost_its_namespace_is_made_anew(plan):
    want = port(plan)
    pod.attach(want)
    create.delete(want.netns)

    pod.attach(want)
    pod.enable(want.node_netns, want.host_interface)

    ping = ["ip", "netns", "exec", want.netns, "ping", "-c1", "-W1", "10.0.1.11"]
    subprocess.run(ping, check=True, capture_output=True)


def test_detaching_puts_the_link_down_at_once_and_leaves_nothing_of_the_pod(plan):
    want = port(plan)
    pod.attach(want)
    pod.enable(want.node_netns, want.host_interface)

    pod.detach(want)

    left = observe.links(want.node_netns).get(want.host_interface)
    assert left is None or not left.up
    assert not create.is_there(want.netns)
    assert "0a:58:0a:f4:01:09" not in ip(want.node_netns, "neigh")
    deadline = time.monotonic() + 10
    while want.host_interface in observe.links(want.node_netns):
        assert time.monotonic() < deadline, "the link outlives its namespace"
        time.sleep(0.01)
    pod.detach(want)


def test_a_foreign_namespace_is_used_and_the_link_alone_removed(plan):
    want = port(plan)
    create.create(want.netns)
    with PodLinks(want.node_netns) as links:
        links.attach(want)
        links.detach(want.host_interface, [address.ip for address in want.addresses])

        assert want.host_interface not in observe.links(want.node_netns)
        assert create.is_there(want.netns)


def test_a_pod_that_can_not_be_attached_leaves_nothing(plan):
    want = replace(port(plan), gateways=(ip_address("192.0.2.1"),))

    with pytest.raises(LinkError, match=r"192\.0\.2\.1.*invalid gateway"):
        pod.attach(want)

    assert want.host_interface not in observe.links(want.node_netns)
    assert not create.is_there(want.netns)


def test_without_its_bridge_or_node_a_pod_is_refused_by_the_kernels_own_words(plan):
    with pytest.raises(KernelError, match="find link nobridge"):
        pod.attach(replace(port(plan), bridge="nobridge"))
    with pytest.raises(NamespaceGone):
        pod.attach(replace(port(plan), node_netns="podwire-tnobody-node"))
    with pytest.raises(LinkError, match="put veth77 up"):
        pod.enable(port(plan).node_netns, "veth77")


def test_a_hundred_pods_take_little_of_a_processor_and_their_sweep_less(plan):
    """Processor time, which others on the machine do not lengthen: 2.5 ms a pod were seen, 0.1 ms its sweep."""
    began = time.process_time()
    with PodLinks(plan.node("node-1").netns) as links:
        for number in range(20, 120):
            links.attach(port(plan, number))
            links.enable(f"veth{number}")
    attached = time.process_time()
    swept = sweep(plan.lab)

    assert attached - began < 1
    assert len(swept.namespaces) == 105
    assert time.process_time() - attached < 0.2
