"""Clusters made by chance from a seed, and a kernel made of Python that judges by verdict tables."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import pytest

from dataplane.model.address import IPAddress, IPNetwork
from dataplane.model.verdict import FREE, AddressRange, Allowance, VerdictGroup, VerdictTable
from policy.model import Policy
from policy.oracle.flow import Flow
from policy.parse.networkpolicy import parse_policy
from policy.world import NamedPort, NamespaceFacts, NodeFacts, PodFacts, World

NAMES = ("one", "two", "three")
LABELS = (("app", ("web", "api", "db")), ("tier", ("front", "back")), ("env", ("prod", "test")))
PORTS = (80, 443, 8080, 9090)
PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
PORT_NAMES = ("http", "grpc", "dns")
OUTSIDE = (ip_address("203.0.113.7"), ip_address("8.8.8.8"), ip_address("2001:db8::7"))
BLOCKS = (
    ("0.0.0.0/0", ("10.244.0.0/16", "10.244.1.0/24", "8.0.0.0/8")),
    ("10.244.0.0/16", ("10.244.1.0/24", "10.244.2.8/29")),
    ("203.0.113.0/24", ("203.0.113.4/30",)),
    ("10.0.1.0/24", ("10.0.1.11/32",)),
    ("::/0", ("fd00:10:244:1::/64", "2001:db8::/64")),
    ("fd00:10:244::/48", ()),
)
LOCAL: Mapping[str, tuple[IPNetwork, ...]] = {
    "node-1": (IPv4Network("10.244.1.0/24"), IPv6Network("fd00:10:244:1::/64")),
    "node-2": (IPv4Network("10.244.2.0/24"), IPv6Network("fd00:10:244:2::/64")),
}
NODES = {
    "node-1": NodeFacts("node-1", (ip_address("10.0.1.10"), ip_address("fd00:10:1::a"))),
    "node-2": NodeFacts("node-2", (ip_address("10.0.1.11"), ip_address("fd00:10:1::b"))),
}


@dataclass
class Cluster:
    """A world and its policies by chance; ``change`` makes one change and says which."""

    dice: random.Random
    pods: dict[str, PodFacts] = field(default_factory=dict)
    namespaces: dict[str, NamespaceFacts] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    made: int = 0

    @property
    def world(self) -> World:
        return World(dict(self.pods), dict(self.namespaces), NODES)

    def labels(self) -> dict[str, str]:
        return {key: self.dice.choice(values) for key, values in LABELS if self.dice.random() < 0.6}

    def pod(self, uid: str | None = None) -> PodFacts:
        self.made += 1
        before = self.pods.get(uid or "")
        node = before.node if before else self.dice.choice(list(LOCAL))
        ips = before.ips if before else tuple(_address(cidr, self.made + 1) for cidr in LOCAL[node])
        ports = {
            NamedPort(name, self.dice.choice((6, 17)), self.dice.choice(PORTS))
            for name in PORT_NAMES
            if self.dice.random() < 0.4
        }
        pod = PodFacts(
            namespace=before.namespace if before else self.dice.choice(NAMES),
            name=before.name if before else f"pod-{self.made}",
            uid=uid or f"uid-{self.made}",
            labels=self.labels(),
            ips=ips,
            ports=frozenset(ports) if not before else before.ports,
            node=node,
        )
        self.pods[pod.uid] = pod
        return pod

    def namespace(self, name: str) -> NamespaceFacts:
        self.namespaces[name] = NamespaceFacts(name, {**self.labels(), "kubernetes.io/metadata.name": name})
        return self.namespaces[name]

    def policy(self, name: str | None = None) -> Policy:
        self.made += 1
        namespace, _, own = name.partition("/") if name else (self.dice.choice(NAMES), "", f"p-{self.made}")
        spec: dict[str, Any] = {"podSelector": self._selector()}
        types = self.dice.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"], []))
        if types:
            spec["policyTypes"] = types
        if self.dice.random() < 0.8:
            spec["ingress"] = [self._rule("from") for _ in range(self.dice.randrange(3))]
        if self.dice.random() < 0.8:
            spec["egress"] = [self._rule("to") for _ in range(self.dice.randrange(3))]
        policy = parse_policy({"metadata": {"namespace": namespace, "name": own}, "spec": spec})
        self.policies[policy.key] = policy
        return policy

    def change(self) -> tuple[str, Any]:
        """One change: what kind, and the value or key."""
        kind = self.dice.choice(
            ("pod", "pod", "relabel", "no-pod", "policy", "repolicy", "no-policy", "namespace")
        )
        if kind == "pod" or (kind in ("relabel", "no-pod") and not self.pods):
            return "pod", self.pod()
        if kind == "relabel":
            return "pod", self.pod(self.dice.choice(list(self.pods)))
        if kind == "no-pod":
            uid = self.dice.choice(list(self.pods))
            del self.pods[uid]
            return "no-pod", uid
        if kind == "policy" or (kind in ("repolicy", "no-policy") and not self.policies):
            return "policy", self.policy()
        if kind == "repolicy":
            return "policy", self.policy(self.dice.choice(list(self.policies)))
        if kind == "no-policy":
            key = self.dice.choice(list(self.policies))
            del self.policies[key]
            return "no-policy", key
        return "namespace", self.namespace(self.dice.choice(NAMES))

    def flows(self, count: int) -> Iterator[tuple[Flow, IPAddress, IPAddress]]:
        """Flows with the addresses they show."""
        ends: list[IPAddress] = [
            *(ip for pod in self.pods.values() for ip in pod.ips),
            *OUTSIDE,
            *(ip for node in NODES.values() for ip in node.addresses),
        ]
        while count:
            source, destination = self.dice.choice(ends), self.dice.choice(ends)
            if source.version != destination.version:
                continue
            count -= 1
            protocol, port = self.dice.choice((6, 17, 132, 1)), self.dice.choice((*PORTS, 85, 7))
            yield Flow(source, destination, protocol, 0 if protocol == 1 else port), source, destination

    def _selector(self) -> dict[str, Any]:
        if self.dice.random() < 0.3:
            return {}
        key, values = self.dice.choice(LABELS)
        if self.dice.random() < 0.5:
            return {"matchLabels": {key: self.dice.choice(values)}}
        operator = self.dice.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        expression: dict[str, Any] = {"key": key, "operator": operator}
        if operator in ("In", "NotIn"):
            expression["values"] = self.dice.sample(values, self.dice.randint(1, len(values)))
        return {"matchExpressions": [expression]}

    def _rule(self, peers: str) -> dict[str, Any]:
        rule: dict[str, Any] = {}
        if self.dice.random() < 0.75:
            rule[peers] = [self._peer() for _ in range(self.dice.randint(1, 3))]
        if self.dice.random() < 0.7:
            rule["ports"] = [self._port() for _ in range(self.dice.randint(1, 3))]
        return rule

    def _peer(self) -> dict[str, Any]:
        kind = self.dice.randrange(4)
        if kind == 0:
            return {"podSelector": self._selector()}
        if kind == 1:
            return {"namespaceSelector": self._selector()}
        if kind == 2:
            return {"namespaceSelector": self._selector(), "podSelector": self._selector()}
        cidr, holes = self.dice.choice(BLOCKS)
        return {
            "ipBlock": {"cidr": cidr, "except": self.dice.sample(holes, self.dice.randint(0, len(holes)))}
        }

    def _port(self) -> dict[str, Any]:
        port: dict[str, Any] = {"protocol": self.dice.choice(list(PROTOCOLS))}
        kind = self.dice.randrange(4)
        if kind == 0:
            return port
        if kind == 1:
            return {**port, "port": self.dice.choice(PORT_NAMES)}
        port["port"] = self.dice.choice(PORTS)
        return port if kind == 2 else {**port, "endPort": port["port"] + self.dice.choice((0, 10, 1000))}


def _address(cidr: IPNetwork, number: int) -> IPAddress:
    if isinstance(cidr, IPv4Network):
        return IPv4Address(int(cidr.network_address) + number)
    return IPv6Address(int(cidr.network_address) + number)


@pytest.fixture
def cluster() -> Callable[[int], Cluster]:
    """``cluster(seed)``: about ten pods in three namespaces on two nodes, and about five policies."""

    def make(seed: int) -> Cluster:
        made = Cluster(random.Random(seed))
        for name in NAMES:
            made.namespace(name)
        for _ in range(10):
            made.pod()
        for _ in range(5):
            made.policy()
        return made

    return make


def judge(tables: Mapping[str, VerdictTable], source: IPAddress, destination: IPAddress, flow: Flow) -> bool:
    """What kernels with these tables do with a flow's packets, hop by hop."""
    if source == destination:
        return True
    for name, table in tables.items():
        own = NODES[name].addresses
        from_here = any(source in cidr for cidr in table.local) or source in own
        to_here = any(destination in cidr for cidr in table.local) or destination in own
        if not (from_here or to_here) or source in own or destination in own:
            continue  # not forwarded by this node: other nodes' flows, and the input and output of its own
        leaving = table.pods.get(source)
        if leaving and not _group_allows(table, leaving.egress, destination, flow):
            return False
        entering = table.pods.get(destination)
        if entering is None and any(destination in cidr for cidr in table.local):
            return False
        if entering and not _group_allows(table, entering.ingress, source, flow):
            return False
    return True


def _group_allows(table: VerdictTable, name: str, peer: IPAddress, flow: Flow) -> bool:
    if name == FREE:
        return True
    group: VerdictGroup = table.groups[name]
    identity = table.identities.get(peer)
    number = identity.number if identity else 0
    return any(_matches(allowance, number, peer, flow) for allowance in group.allows)


def _matches(allowance: Allowance, identity: int, peer: IPAddress, flow: Flow) -> bool:
    who, ports = allowance
    if isinstance(who, AddressRange):
        if peer.version != who.first.version or not int(who.first) <= int(peer) <= int(who.last):
            return False
    elif who is not None and who != identity:
        return False
    return ports is None or (ports.protocol == flow.protocol and ports.first <= flow.port <= ports.last)


@pytest.fixture
def kernels() -> Callable[..., bool]:
    """``kernels(tables, source, destination, flow)``: does it pass?"""
    return judge
