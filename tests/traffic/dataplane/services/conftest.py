"""Three nodes and the internet on the real fabric, pods that tell who asked, and Services in every node's kernel."""

import selectors
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import pytest

from dataplane.fabric import build, pod
from dataplane.model.address import Family, IPAddress, MacAddress
from dataplane.model.service import Backend, ServicePort, Transport
from dataplane.model.topology import (
    FabricPlan,
    InternetPlan,
    NodePlan,
    Overlay,
    PodPort,
    TunnelPlan,
    interface,
    pod_link_name,
)
from dataplane.netns.enter import run_inside
from dataplane.nft.handle import NftHandle
from dataplane.services.contract import Ports, ServiceNode
from dataplane.services.nft_sync import NftServices

KINDS = {Transport.TCP: socket.SOCK_STREAM, Transport.UDP: socket.SOCK_DGRAM}
_IP_FREEBIND = 15
FAMILIES = {Family.V4: socket.AF_INET, Family.V6: socket.AF_INET6}


class Echoes:
    """Every server of the tests in one thread: each answers with its name and the address that it saw."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._stop, waker = socket.socketpair()
        self._selector.register(waker, selectors.EVENT_READ, None)
        self._waker = waker
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def listen(self, made: socket.socket, name: str, transport: Transport) -> None:
        made.setblocking(False)
        self._selector.register(made, selectors.EVENT_READ, (name, transport))
        self._stop.send(b"x")

    def close(self) -> None:
        self._stop.close()
        self._thread.join()

    def _converse(self, made: socket.socket) -> None:
        """A connection: what comes goes back, until its client ends it."""
        data = made.recv(2048)
        if data:
            made.send(data)
        else:
            self._selector.unregister(made)
            made.close()

    def _serve(self) -> None:
        while True:
            for key, _events in self._selector.select():
                if key.data is None:
                    if not self._waker.recv(100):
                        return
                    continue
                name, transport = key.data
                if transport is None:
                    self._converse(key.fileobj)
                    continue
                if transport is Transport.UDP:
                    _data, peer = key.fileobj.recvfrom(2048)
                    key.fileobj.sendto(f"{name} {peer[0]}".encode(), peer)
                else:
                    made, peer = key.fileobj.accept()
                    made.send(f"{name} {peer[0]}\n".encode())
                    self._selector.register(made, selectors.EVENT_READ, (name, None))


@dataclass(frozen=True)
class Pod:
    """A pod with its addresses by family."""

    name: str
    node: str
    netns: str
    ip: Mapping[Family, IPAddress]


class Seen(NamedTuple):
    """Who answered, and the address that it saw."""

    who: str
    source: IPAddress


@dataclass
class Wires:
    """The whole world of these tests."""

    plan: FabricPlan
    stack: ExitStack
    echoes: Echoes
    services: dict[str, NftServices] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    outside: dict[Family, IPAddress] = field(
        default_factory=lambda: {Family.V4: ip_address("203.0.113.7"), Family.V6: ip_address("2001:db8::7")}
    )
    """An address that the internet owns."""

    @property
    def internet(self) -> str:
        return self.plan.internet.netns

    def node(self, name: str) -> str:
        """The node's namespace."""
        return self.plan.node(name).netns

    def address(self, node: str, family: Family) -> IPAddress:
        return next(each for each in self.plan.node(node).addresses if Family.of(each) is family)

    def pod(self, name: str, node: str) -> Pod:
        """A pod whose port 8080 tells its name and who asked, over TCP and UDP."""
        plan, number = self.plan.node(node), len(self.pods) + 10
        addresses = tuple(interface(cidr[number], cidr.prefixlen) for cidr in plan.pod_cidrs)
        netns = f"podwire-{self.plan.lab}-pod-{name}"
        port = PodPort(
            container_id=name, node_netns=plan.netns, netns=netns, host_interface=pod_link_name(name),
            addresses=addresses, gateways=tuple(gateway.ip for gateway in plan.gateways),
            mac=MacAddress.for_address(addresses[0].ip), gateway_mac=plan.bridge_mac, mtu=self.plan.tunnel.mtu,
        )  # fmt: skip
        pod.attach(port)
        pod.enable(plan.netns, port.host_interface)
        made = Pod(name, node, netns, {Family.of(each.ip): each.ip for each in addresses})
        self.pods[name] = made
        self.serve(netns, name, 8080)
        return made

    def serve(self, netns: str, name: str, port: int) -> None:
        """An echo on every address of a namespace, both transports and families."""
        for transport, kind in KINDS.items():
            made = run_inside(netns, lambda kind=kind: socket.socket(socket.AF_INET6, kind))
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            made.bind(("::", port))
            if transport is Transport.TCP:
                made.listen(64)
            self.echoes.listen(made, name, transport)
            self.stack.callback(made.close)

    def program(self, services: Mapping[str, tuple[ServicePort, ...]]) -> None:
        """The same Services in every node's kernel; each node knows which backends are its own."""
        for name, backend in self.services.items():
            backend.start({key: _local(ports, self, name) for key, ports in services.items()})

    def change(self, service: str, ports: Ports) -> int:
        """Another version of one Service; conntrack entries that were deleted, over all nodes."""
        return sum(b.replace({service: _local(ports, self, name)}).stale for name, b in self.services.items())

    def backends(self, family: Family, *pods: Pod) -> tuple[Backend, ...]:
        return tuple(Backend(each.ip[family], 8080) for each in pods)

    def ask(
        self, netns: str, address: IPAddress, port: int, transport: Transport = Transport.TCP,
        source: IPAddress | None = None,
    ) -> Seen:  # fmt: skip
        """One request from a namespace: who answered. Raises ConnectionRefusedError, TimeoutError, OSError."""
        made = self.dial(netns, address, port, transport, source)
        with made:
            if transport is Transport.UDP:
                made.send(b"who")
            return seen(made.recv(100))

    def dial(
        self, netns: str, address: IPAddress, port: int, transport: Transport = Transport.TCP,
        source: IPAddress | None = None,
    ) -> socket.socket:  # fmt: skip
        """A connected socket of that namespace."""
        family = FAMILIES[Family.of(address)]
        made = run_inside(netns, lambda: socket.socket(family, KINDS[transport]))
        made.settimeout(2)
        if source is not None:
            made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)  # the internet owns ranges, not addresses
            made.bind((str(source), 0))
        made.connect((str(address), port))
        return made


def seen(answer: bytes) -> Seen:
    who, source = answer.decode().split()
    return Seen(who, ip_address(source.removeprefix("::ffff:")))


def _local(ports: Ports, wires: Wires, node: str) -> Ports:
    here = {address for each in wires.pods.values() if each.node == node for address in each.ip.values()}
    return tuple(
        replace(port, backends=tuple(replace(b, local=b.address in here) for b in port.backends))
        for port in ports
    )


def plan_of(lab: str) -> FabricPlan:
    """cp, node-1 and node-2 on a VXLAN overlay, dual stack, as in the default lab."""

    def node(name: str, number: int) -> NodePlan:
        last = 9 + number
        return NodePlan(
            name, f"podwire-{lab}-{name}",
            (ip_address(f"10.0.1.{last}"), ip_address(f"fd00:10:1::{last:x}")),
            (ip_network(f"10.244.{number}.0/24"), ip_network(f"fd00:10:244:{number}::/64")),
        )  # fmt: skip

    internet = InternetPlan(
        f"podwire-{lab}-internet", (ip_address("10.0.1.1"), ip_address("fd00:10:1::1")),
        (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")),
    )  # fmt: skip
    return FabricPlan(
        lab, f"podwire-{lab}-fabric", (ip_network("10.0.1.0/24"), ip_network("fd00:10:1::/64")),
        TunnelPlan.over(Overlay.VXLAN, 1500, Family.V4), internet,
        (node("cp", 0), node("node-1", 1), node("node-2", 2)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    """Pods ann (node-1), web-1 (node-1), web-2 (node-2); echoes in the internet and, on 6443, in cp."""
    plan = plan_of(f"tsv{uuid.uuid4().hex[:6]}")
    with ExitStack() as stack:
        stack.callback(build.destroy, plan.lab)
        build.build(plan)
        echoes = Echoes()
        stack.callback(echoes.close)
        made = Wires(plan, stack, echoes)
        for node in plan.nodes:
            view = ServiceNode(
                node.addresses, (ip_network("10.244.0.0/16"), ip_network("fd00:10:244::/48")),
                (ip_network("10.96.0.0/12"), ip_network("fd00:10:96::/112")), plan.underlay,
            )  # fmt: skip
            handle = stack.enter_context(NftHandle(node.netns))
            made.services[node.name] = NftServices(handle, view)
            stack.callback(made.services[node.name].close)
        for name, node in (("ann", "node-1"), ("web-1", "node-1"), ("web-2", "node-2")):
            made.pod(name, node)
        made.serve(made.internet, "internet", 80)
        made.serve(made.node("cp"), "cp", 6443)
        made.serve(made.node("node-2"), "node-2", 10250)
        yield made
