"""A fabric with pods and nothing else: no Services, no policies, no agents, no API."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from control.testkit.place import Place
from dataplane.fabric import build
from dataplane.fabric.pod import PodLinks
from dataplane.model.address import Family, MacAddress
from dataplane.model.topology import FabricPlan, PodPort, interface, pod_link_name
from dataplane.netns.names import NamespaceName
from dataplane.netns.sweep import sweep

_numbers = itertools.count(1)


@dataclass
class Fabric:
    """Three nodes and the internet, built; pods are plugged in by hand."""

    plan: FabricPlan
    hosts: itertools.count = field(default_factory=lambda: itertools.count(10))

    def node(self, name: str) -> Place:
        node = self.plan.node(name)
        return Place(name, node.netns, {Family.of(ip): ip for ip in node.addresses})

    @property
    def internet(self) -> Place:
        there = self.plan.internet
        return Place("internet", there.netns, {Family.of(ip): ip for ip in there.addresses})

    def port(self, name: str, node_name: str) -> PodPort:
        """A pod's port with the next address of its node."""
        node, host = self.plan.node(node_name), next(self.hosts)
        addresses = tuple(interface(cidr[host], cidr.prefixlen) for cidr in node.pod_cidrs)
        return PodPort(
            container_id=f"{self.plan.lab}-{name}",
            node_netns=node.netns,
            netns=str(NamespaceName.of_pod(self.plan.lab, "test", name, name)),
            host_interface=pod_link_name(f"{self.plan.lab}-{name}"),
            addresses=addresses,
            gateways=tuple(gateway.ip for gateway in node.gateways),
            mac=MacAddress.for_address(addresses[0].ip),
            gateway_mac=node.bridge_mac,
            mtu=self.plan.tunnel.mtu,
            label=f"test/{name}",
        )

    def pod(self, name: str, node_name: str) -> Place:
        """A pod that is plugged in and enabled."""
        port = self.port(name, node_name)
        with PodLinks(port.node_netns) as links:
            links.attach(port)
            links.enable(port.host_interface, port.netns)
        return Place(name, port.netns, {Family.of(each.ip): each.ip for each in port.addresses})


def fabric_plan(lab: str, overlay: str = "vxlan", families: str = "dual") -> FabricPlan:
    """The default lab's wires; families: ``dual``, ``v4`` or ``v6``."""
    plan = make_plan(lab, LabSpec(nodes=default_nodes(2), overlay=overlay), ipv6=True).fabric
    if families == "dual":
        return plan
    at = 0 if families == "v4" else 1
    return replace(
        plan,
        underlay=(plan.underlay[at],),
        tunnel=plan.tunnel.over(plan.tunnel.mode, plan.underlay_mtu, Family.of(plan.underlay[at])),
        internet=replace(
            plan.internet,
            addresses=(plan.internet.addresses[at],),
            ranges=tuple(r for r in plan.internet.ranges if r.version == plan.underlay[at].version),
        ),
        nodes=tuple(
            replace(node, addresses=(node.addresses[at],), pod_cidrs=(node.pod_cidrs[at],))
            for node in plan.nodes
        ),
    )


@pytest.fixture(scope="module", params=["vxlan", "direct"])
def overlay(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def fabric(overlay: str) -> Iterator[Fabric]:
    lab = f"tf{os.getpid() % 100_000}x{next(_numbers)}"
    with ExitStack() as undo:
        undo.callback(sweep, lab)
        plan = fabric_plan(lab, overlay)
        build.build(plan)
        yield Fabric(plan)


@pytest.fixture(params=[Family.V4, Family.V6], ids=["v4", "v6"])
def family(request: pytest.FixtureRequest) -> Family:
    return request.param
