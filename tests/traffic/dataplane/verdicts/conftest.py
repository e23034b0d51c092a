"""A node with pods on its bridge, and a far side that is everything else: remote pods, a node, the internet."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest

from control.verify import probe
from control.verify.probe import Outcome, Probe
from dataplane.model.address import IPAddress, IPNetwork, MacAddress
from dataplane.model.topology import pod_link_name
from dataplane.netns.create import create, delete
from dataplane.netns.enter import SocketMaker
from dataplane.netns.sysctl import Place
from dataplane.nft.handle import NftHandle
from dataplane.verdicts.guard import PortSources
from dataplane.verdicts.nft_sync import NftVerdicts
from policy.compile.delta import Compiler
from policy.model import Policy
from policy.parse.networkpolicy import parse_policy
from policy.world import NamedPort, NamespaceFacts, NodeFacts, PodFacts, World

PODS: tuple[IPNetwork, ...] = (IPv4Network("10.244.1.0/24"), IPv6Network("fd00:10:244:1::/64"))
FAR = ("10.244.2.2", "10.244.2.3", "fd00:10:244:2::2", "203.0.113.7", "203.0.113.8", "2001:db8::7")
BLOCKED_AFTER_S = float(os.environ.get("PODWIRE_TEST_BLOCKED_S", "0.3"))
"""Without an answer for so long, the way is blocked; longer where the kernel is emulated."""


@dataclass
class Here:
    """One pod of the node."""

    facts: PodFacts
    netns: str
    mac: MacAddress

    @property
    def ip(self) -> IPAddress:
        return self.facts.ips[0]

    @property
    def ip6(self) -> IPAddress:
        return self.facts.ips[1]

    @property
    def sources(self) -> PortSources:
        return PortSources(pod_link_name(self.facts.uid), self.mac, self.facts.ips, self.facts.origin)


@dataclass
class Node:
    """The node under test. Its compiler knows every pod; ``judge`` brings the kernel up to it."""

    name: str
    stack: ExitStack
    verdicts: NftVerdicts
    compiler: Compiler = field(default_factory=lambda: Compiler("node-1", PODS))
    here: dict[str, Here] = field(default_factory=dict)
    far: dict[str, PodFacts] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    namespaces: dict[str, NamespaceFacts] = field(default_factory=dict)
    makers: dict[str, SocketMaker] = field(default_factory=dict)
    patience_s: float = BLOCKED_AFTER_S

    @property
    def netns(self) -> str:
        return f"{self.name}-node"

    @property
    def outside(self) -> str:
        return f"{self.name}-far"

    @property
    def world(self) -> World:
        nodes = {
            "node-1": NodeFacts("node-1", (ip_address("10.0.1.10"), ip_address("fd00:10:1::a"))),
            "node-2": NodeFacts("node-2", (ip_address("10.0.1.11"), ip_address("fd00:10:1::b"))),
        }
        pods = {pod.facts.uid: pod.facts for pod in self.here.values()}
        pods |= {facts.uid: facts for facts in self.far.values()}
        return World(pods, self.namespaces, nodes)

    def ip(self, *words: str, netns: str = "") -> None:
        run("ip", "-n", netns or self.netns, *words)

    def nft(self, text: str, netns: str = "") -> str:
        """Feed nft, or list with ``list …``, inside the node or another namespace."""
        return run("ip", "netns", "exec", netns or self.netns, "nft", "-f", "-", stdin=text)

    def namespace(self, name: str, **labels: str) -> None:
        self.namespaces[name] = NamespaceFacts(name, {"kubernetes.io/metadata.name": name, **labels})
        self.compiler.set_namespace(self.namespaces[name])

    def pod(
        self, name: str, number: int, *, namespace: str = "shop", ports: dict[str, int] | None = None,
        listens: tuple[int, ...] = (80,), **labels: str,
    ) -> Here:  # fmt: skip
        """A pod on the bridge, its port up, its verdicts not yet in the kernel."""
        facts = PodFacts(
            namespace, name, f"{self.name}-{name}", labels,
            (PODS[0][number], PODS[1][number]),
            frozenset(NamedPort(port, 6, value) for port, value in (ports or {}).items()), "node-1",
        )  # fmt: skip
        netns, port = f"{self.name}-{name}", pod_link_name(facts.uid)
        made = Here(facts, netns, MacAddress.for_address(facts.ips[0]))
        self._namespace(netns, Place.POD)
        self.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", netns)
        self.ip("link", "set", port, "master", "cni0", "up")
        # br_netfilter sends what a Service translates straight to the right port, back through the same one too.
        self.ip("link", "set", port, "type", "bridge_slave", "hairpin", "on")
        self.ip("link", "set", "eth0", "address", str(made.mac), "up", netns=netns)
        self.ip("addr", "add", f"{facts.ips[0]}/24", "dev", "eth0", netns=netns)
        self.ip("addr", "add", f"{facts.ips[1]}/64", "dev", "eth0", "nodad", netns=netns)
        self.ip("route", "add", "default", "via", "10.244.1.1", netns=netns)
        self.ip("-6", "route", "add", "default", "via", "fd00:10:244:1::1", netns=netns)
        self.here[name] = made
        self.listen(netns, *listens)
        self.compiler.set_pod(facts)
        return made

    def remote(self, name: str, *addresses: str, namespace: str = "shop", **labels: str) -> PodFacts:
        """A pod of another node, living at the far side."""
        ips = tuple(ip_address(address) for address in addresses)
        facts = PodFacts(namespace, name, f"far-{name}", labels, ips, node="node-2")
        self.far[name] = facts
        self.compiler.set_pod(facts)
        return facts

    def policy(self, name: str, spec: dict, namespace: str = "shop") -> None:
        made = parse_policy({"metadata": {"name": name, "namespace": namespace}, "spec": spec})
        self.policies[made.key] = made
        self.compiler.set_policy(made)

    def judge(self) -> None:
        """The kernel has what the compiler says."""
        self.verdicts.apply(self.compiler.take(), admit=self.ports)

    @property
    def ports(self) -> list[PortSources]:
        return [pod.sources for pod in self.here.values()]

    def listen(self, netns: str, *ports: int) -> None:
        """Ports of that namespace that answer: the kernel completes handshakes by itself."""
        for port in ports:
            made = self.maker(netns).socket(10, 1)
            made.setsockopt(41, 26, 0)  # IPV6_V6ONLY off: both families
            made.setsockopt(1, 2, 1)
            made.bind(("::", port))
            made.listen(256)
            self.stack.callback(made.close)

    def maker(self, netns: str) -> SocketMaker:
        if netns not in self.makers:
            self.makers[netns] = self.stack.enter_context(SocketMaker(netns))
        return self.makers[netns]

    def tries(self, *tried: tuple[str, IPAddress | str, int]) -> list[Outcome]:
        """TCP from namespaces to addresses, all at once."""
        probes = [Probe(netns, probe.TCP, ip_address(str(to)), port) for netns, to, port in tried]
        return [answer.outcome for answer in probe.run(probes, BLOCKED_AFTER_S)]

    def opens(self, source: "Here | str", to: IPAddress | str, port: int = 80, *, by: str = "") -> bool:
        """One TCP connection: open, or nothing comes back. by: the address to speak from."""
        netns = source if isinstance(source, str) else source.netns
        spoken = ip_address(by) if by else None
        tried = Probe(netns, probe.TCP, ip_address(str(to)), port, source=spoken)
        (outcome,) = (answer.outcome for answer in probe.run([tried], BLOCKED_AFTER_S))
        assert outcome in (Outcome.OPEN, Outcome.BLOCKED), outcome
        return outcome is Outcome.OPEN

    def _namespace(self, name: str, place: Place) -> None:
        create(name, place)
        self.stack.callback(delete, name)


def run(*words: str, stdin: str = "") -> str:
    done = subprocess.run(words, input=stdin, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{stdin}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def node() -> Iterator[Node]:
    """A node without pods, its policy table in force and empty."""
    name = f"podwire-tpol{uuid.uuid4().hex[:6]}"
    with ExitStack() as stack:
        for netns, place in ((f"{name}-node", Place.NODE), (f"{name}-far", Place.INTERNET)):
            create(netns, place)
            stack.callback(delete, netns)
        handle = stack.enter_context(NftHandle(f"{name}-node"))
        made = Node(name, stack, NftVerdicts(handle))
        made.ip("link", "add", "cni0", "address", "0a:58:0a:f4:01:01", "type", "bridge", "forward_delay", "0")
        made.ip("link", "set", "cni0", "up")
        made.ip("addr", "add", "10.244.1.1/24", "dev", "cni0")
        made.ip("addr", "add", "fd00:10:244:1::1/64", "dev", "cni0", "nodad")
        made.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", made.outside)
        for netns, four, six in (
            (made.netns, "10.0.1.10/24", "fd00:10:1::a/64"),
            (made.outside, "10.0.1.11/24", "fd00:10:1::b/64"),
        ):
            made.ip("addr", "add", four, "dev", "eth0", netns=netns)
            made.ip("addr", "add", six, "dev", "eth0", "nodad", netns=netns)
            made.ip("link", "set", "eth0", "up", netns=netns)
        made.ip("route", "add", "default", "via", "10.0.1.11")
        made.ip("-6", "route", "add", "default", "via", "fd00:10:1::b")
        for address in FAR:
            made.ip(
                "addr",
                "add",
                address,
                "dev",
                "lo",
                *(("nodad",) if ":" in address else ()),
                netns=made.outside,
            )
        made.ip("route", "add", "10.244.1.0/24", "via", "10.0.1.10", netns=made.outside)
        made.ip("-6", "route", "add", "fd00:10:244:1::/64", "via", "fd00:10:1::a", netns=made.outside)
        made.listen(made.outside, 80, 8080)
        made.namespace("shop")
        made.compiler.take()
        made.verdicts.sync(made.compiler.table(), ())
        yield made
