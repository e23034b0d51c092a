"""Packets made by hand, there and back, over labs of both overlays."""

import itertools
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from control.testkit.expect import Expected, vxlan
from control.testkit.place import Node, Place
from dataplane.model.address import Family, IPAddress

_ports = itertools.count(20_000)

WORLD = {Family.V4: ip_address("203.0.113.7"), Family.V6: ip_address("2001:db8::7")}
"""Somebody in the internet."""


@pytest.fixture(params=["vxlan", pytest.param("direct", marks=pytest.mark.podwire(overlay="direct"))])
def overlay(request: pytest.FixtureRequest) -> str:
    """How packets cross nodes in the test's lab."""
    return request.param


@pytest.fixture
def world(family) -> IPAddress:
    """An address that the internet owns."""
    return WORLD[family]


@pytest.fixture
def crossing(overlay) -> Callable[[Node, Node, Expected], Expected]:
    """What the cable between two nodes carries of a packet: it itself, or VXLAN 1 around it, always over IPv4."""

    def crossing(near: Node, far: Node, packet: Expected) -> Expected:
        if overlay == "direct":
            return packet
        return vxlan(near.ip[Family.V4], far.ip[Family.V4], vni=1, ttl=64, carries=packet)

    return crossing


@pytest.fixture
def gateway(lab, family) -> Callable[[Node], IPAddress]:
    """A node's address towards its own pods: the first of its pod range."""

    def gateway(node: Node) -> IPAddress:
        (cidr,) = [c for c in lab.plan.fabric.node(node.name).pod_cidrs if c.version == family]
        return cidr[1]

    return gateway


@pytest.fixture
def towards_pods(lab, family, overlay) -> Callable[[Node], IPAddress]:
    """A node's address towards pods of other nodes: with VXLAN its pod range's own, else its own on the fabric."""

    def towards_pods(node: Node) -> IPAddress:
        (cidr,) = [c for c in lab.plan.fabric.node(node.name).pod_cidrs if c.version == family]
        return cidr[0] if overlay == "vxlan" else node.ip[family]

    return towards_pods


def by_hand(source: IPAddress, destination: IPAddress, ttl: int = 64) -> IP | IPv6:
    """An IP header that may not be fragmented."""
    if source.version == 4:
        return IP(src=str(source), dst=str(destination), ttl=ttl, flags="DF")
    return IPv6(src=str(source), dst=str(destination), hlim=ttl)


@pytest.fixture(name="by_hand")
def _by_hand() -> Callable[..., IP | IPv6]:
    return by_hand


@pytest.fixture
def sport() -> int:
    """A source port that no test had before: connections that are still tracked are not mixed up."""
    return next(_ports)


@pytest.fixture
def there_and_back(
    sport,
) -> Callable[[tuple[Place, IPAddress], tuple[IPAddress, int], tuple[Place, int]], None]:
    """One datagram made by hand from a place, ``b"there"``, and another as its answer, ``b"back"``, to whom it seems to be from.

    caller: the place and the source that it writes; it sends from port ``sport``. to: address and port.
    callee: the place where it arrives, and the port there. Sockets only listen: what is sent, scapy made.
    """

    def there_and_back(
        caller: tuple[Place, IPAddress], to: tuple[IPAddress, int], callee: tuple[Place, int]
    ) -> None:
        (sender, source), (address, port), (receiver, at) = caller, to, callee
        with (
            receiver.serve(f"{at}/UDP", answer=None) as questions,
            sender.serve(f"{sport}/UDP", answer=None) as answers,
        ):
            sender.send(by_hand(source, address) / UDP(sport=sport, dport=port) / b"there")
            asked = questions.wait()[0]
            (to_address, to_port) = asked.peer
            receiver.send(by_hand(asked.at, to_address) / UDP(sport=at, dport=to_port) / b"back")
            answers.wait()
            assert [(heard.data, heard.peer) for heard in answers.heard] == [(b"back", (address, port))]

    return there_and_back
