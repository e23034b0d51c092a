"""Who tries to reach what: from every workload to every Service port and every pod's port."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from control.verify.cluster import ClusterView, Endpoint, ReadyPod, ServicePortView
from dataplane.model.address import Family, HostPort, IPAddress
from dataplane.netns.names import INTERNET, NamespaceName, lab_of
from policy.model import PROTOCOL_NAMES, PROTOCOLS, TCP, UDP
from policy.world import PodFacts

OUTSIDE = ip_address("203.0.113.10")
OUTSIDE_PORT = 80
MOST_PAIRS = 8_000
"""Beyond this, one ready pod of each workload on each node stands for the others."""


class TargetKind(StrEnum):
    """What a source asks for."""

    SERVICE = "service"
    NODE_PORT = "node port"
    POD = "pod"
    OUTSIDE = "internet"


@dataclass(frozen=True, slots=True)
class Source:
    """Where connections come from. name: for people. pod: None for the internet."""

    name: str
    workload: str
    netns: str
    node: str
    pod: PodFacts | None
    addresses: tuple[IPAddress, ...]

    def address(self, family: Family) -> IPAddress | None:
        """Its own address of a family."""
        return next((a for a in self.addresses if Family.of(a) is family), None)

    def address_of(self, local: tuple[str, int]) -> HostPort | None:
        """A socket's own name as a value; None when it has none."""
        return HostPort(ip_address(local[0].partition("%")[0]), local[1]) if local[1] else None


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for: an address and a port, and who may answer there.

    name: ``shop/api:80`` for people; the same in both families. sticky: a source always gets one endpoint.
    local_only: only endpoints of the node that translates (internal- and externalTrafficPolicy Local).
    node: of a NodePort, the node that is asked.
    """

    kind: TargetKind
    name: str
    workload: str
    protocol: int
    address: IPAddress
    port: int
    endpoints: tuple[Endpoint, ...]
    sticky: bool = False
    local_only: bool = False
    node: str = ""

    def __str__(self) -> str:
        family = " over IPv6" if self.address.version == 6 else ""
        return f"{self.kind} {self.name}{family}"


@dataclass(frozen=True, slots=True)
class Pair:
    """One source and one target."""

    source: Source
    target: Target

    @property
    def node(self) -> str:
        """The node that translates the address asked for, and tracks who answers."""
        return self.target.node or self.source.node

    @property
    def tracker(self) -> str:
        """That node's namespace."""
        return self.place(self.node)

    @property
    def ends(self) -> tuple[Endpoint, ...]:
        """The endpoints that this node sends it to."""
        if not self.target.local_only:
            return self.target.endpoints
        return tuple(endpoint for endpoint in self.target.endpoints if endpoint.node == self.node)

    def place(self, name: str) -> str:
        """Namespace of a place of the same lab."""
        return str(NamespaceName(lab_of(self.source.netns) or "", name))


def sources(cluster: ClusterView, lab: str, namespaces: Collection[str]) -> list[Source]:
    """Every ready pod of these namespaces (of all, when none is named), by workload."""
    found = []
    for pod in cluster.pods:
        facts = pod.facts
        if namespaces and facts.namespace not in namespaces:
            continue
        netns = NamespaceName.of_pod(lab, facts.namespace, facts.name, facts.uid)
        found.append(Source(facts.key, pod.workload, str(netns), facts.node, facts, facts.ips))
    return found


def internet_source(lab: str) -> Source:
    """The world outside."""
    netns = str(NamespaceName(lab, INTERNET))
    return Source("internet", "internet", netns, "", None, (OUTSIDE,))


def targets(cluster: ClusterView, namespaces: Collection[str], *, internet: bool) -> list[Target]:
    """Every Service port and every pod port of these namespaces; and one address outside, when asked for."""
    found = [
        _service(view)
        for view in cluster.services
        if not namespaces or _namespace(view.service) in namespaces
    ]
    behind = _behind(cluster.services)
    for pod in cluster.pods:
        if not namespaces or pod.facts.namespace in namespaces:
            found += _pod(pod, behind)
    if internet:
        name = f"{OUTSIDE}:{OUTSIDE_PORT}"
        endpoint = Endpoint(OUTSIDE, OUTSIDE_PORT, None, "")
        found.append(Target(TargetKind.OUTSIDE, name, "", TCP, OUTSIDE, OUTSIDE_PORT, (endpoint,)))
    return [target for target in found if target.protocol in (TCP, UDP)]


def node_ports(cluster: ClusterView, namespaces: Collection[str]) -> list[Target]:
    """Every NodePort of these namespaces, at every node's own address of the Service's family."""
    found = []
    for view in cluster.services:
        if not view.node_port or (namespaces and _namespace(view.service) not in namespaces):
            continue
        for node in cluster.world.nodes.values():
            own = [a for a in node.addresses[:2] if a.version == view.address.version]
            if own and view.protocol in (TCP, UDP):
                name = f"{view.service} at {node.name}:{view.node_port}{_suffix(view.protocol)}"
                kind, at = TargetKind.NODE_PORT, own[0]
                found.append(
                    Target(
                        kind,
                        name,
                        view.service,
                        view.protocol,
                        at,
                        view.node_port,
                        view.endpoints,
                        sticky=view.sticky,
                        local_only=view.outside_local_only,
                        node=node.name,
                    )
                )
    return found


def pairs(sources: Iterable[Source], targets: Collection[Target]) -> list[Pair]:
    """All of them that share a family; where that is too much, by fewer sources."""
    chosen = list(sources)
    if len(chosen) * len(targets) > MOST_PAIRS:
        chosen = list({(source.workload, source.node): source for source in chosen}.values())
    return [
        Pair(source, target)
        for source in chosen
        for target in targets
        if source.address(Family.of(target.address)) is not None
    ]


def _namespace(key: str) -> str:
    return key.partition("/")[0]


def _service(view: ServicePortView) -> Target:
    name = f"{view.service}:{view.port}{_suffix(view.protocol)}"
    return Target(
        TargetKind.SERVICE,
        name,
        view.service,
        view.protocol,
        view.address,
        view.port,
        view.endpoints,
        sticky=view.sticky,
        local_only=view.local_only,
    )


def _suffix(protocol: int) -> str:
    return "" if protocol == TCP else f"/{PROTOCOL_NAMES[protocol]}"


def _behind(services: Iterable[ServicePortView]) -> Mapping[str, set[tuple[int, int]]]:
    """Ports of pods that Services lead to: uid → (protocol, port)."""
    found: dict[str, set[tuple[int, int]]] = {}
    for view in services:
        for endpoint in view.endpoints:
            if endpoint.pod is not None:
                found.setdefault(endpoint.pod.uid, set()).add((view.protocol, endpoint.port))
    return found


def _pod(pod: ReadyPod, behind: Mapping[str, set[tuple[int, int]]]) -> Iterator[Target]:
    ports = set(behind.get(pod.facts.uid, set()))
    for container in pod.object["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            protocol = PROTOCOLS.get(port.get("protocol") or "TCP", 0)
            ports.add((protocol, int(port["containerPort"])))
    for protocol, number in sorted(ports):
        if protocol not in PROTOCOL_NAMES:
            continue
        name = f"{pod.facts.key}:{number}{_suffix(protocol)}"
        for address in pod.facts.ips:
            endpoint = Endpoint(address, number, pod.facts, pod.facts.node)
            yield Target(TargetKind.POD, name, pod.workload, protocol, address, number, (endpoint,))
