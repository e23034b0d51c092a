"""The call graph that the containers' environment draws: resolved and connected as the program would.

Names are asked of the cluster's DNS from the pod's own namespace, with the search path of its resolv.conf
(ndots:5), then the address that came back is connected to.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from control.agents.environment import Sources, declared
from control.agents.kubelet_errors import ConfigError
from control.verify import probe
from control.verify.cluster import ClusterView
from control.verify.pairs import Source
from control.verify.probe import TCP, UDP, Outcome, Probe
from control.workload.standin.plan import upstreams_of
from dataplane.model.address import IPAddress
from dataplane.patience import patient

NDOTS = 5
DNS_PORT = 53
ASK_S = (1.0, 2.0)
_CALLS = "podwire.dev/calls"


@dataclass(frozen=True, slots=True)
class Edge:
    """A workload's environment names an upstream."""

    source: Source
    host: str
    port: int

    @property
    def upstream(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class Call:
    """One edge as tried. addresses: what the name resolved to; asked: DNS answered at all."""

    edge: Edge
    addresses: tuple[IPAddress, ...] = ()
    asked: bool = False
    outcome: Outcome | None = None
    name: str = ""
    tried: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """open, refused, blocked, unreachable, or unresolved."""
        return str(self.outcome) if self.outcome is not None else "unresolved"


def edges(cluster: ClusterView, sources: Collection[Source]) -> list[Edge]:
    """One for each workload and upstream; the first ready pod stands for its workload."""
    objects = {pod.facts.uid: pod.object for pod in cluster.pods}
    found: dict[tuple[str, str], Edge] = {}
    for source in sources:
        pod = objects.get(source.pod.uid) if source.pod is not None else None
        for text in _upstreams(pod, cluster) if pod is not None else ():
            host, _, port = text.rpartition(":")
            found.setdefault((source.workload, text), Edge(source, host.strip("[]"), int(port)))
    return list(found.values())


def _upstreams(pod: Mapping[str, Any], cluster: ClusterView) -> list[str]:
    meta = pod["metadata"]
    prefix = f"{meta['namespace']}/"
    configmaps = {
        key.removeprefix(prefix): {"data": dict(data)}
        for key, data in cluster.configmaps.items()
        if key.startswith(prefix)
    }
    calls = (meta.get("annotations") or {}).get(_CALLS, "")
    found: dict[str, None] = {}
    for container in pod["spec"].get("containers") or ():
        addresses = tuple(entry["ip"] for entry in pod["status"].get("podIPs") or ())
        try:
            env = declared(dict(pod), container, Sources(configmaps, {}, {}, addresses, ()))
        except ConfigError:
            # A Secret, which verify does not read: what is written out in the manifest is still there.
            env = {item["name"]: str(item.get("value", "")) for item in container.get("env") or ()}
        found |= dict.fromkeys(upstreams_of(env, calls))
    return list(found)


def candidates(host: str, namespace: str, domain: str) -> list[str]:
    """The names that a resolver asks for, in order (ndots:5, the cluster's search path).

    >>> candidates("api", "shop", "cluster.local")[0]
    'api.shop.svc.cluster.local.'
    """
    if host.endswith("."):
        return [host]
    searched = [f"{host}.{suffix}." for suffix in (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)]
    return [f"{host}.", *searched] if host.count(".") >= NDOTS else [*searched, f"{host}."]


def resolve(calls: Collection[Call], dns_ip: IPAddress, domain: str) -> int:
    """Fill in the addresses; the number of questions asked. Blocking."""
    asked = 0
    for timeout_s in map(patient, ASK_S):
        planned: list[tuple[Call, str, Probe]] = []
        for call in calls:
            if call.asked or call.addresses:
                continue
            literal = _literal(call.edge.host)
            if literal is not None:
                call.addresses, call.asked = (literal,), True
                continue
            namespace = call.edge.source.pod.namespace if call.edge.source.pod else "default"
            for name in candidates(call.edge.host, namespace, domain):
                question = dns.message.make_query(name, dns.rdatatype.A).to_wire()
                planned.append((call, name, Probe(call.edge.source.netns, UDP, dns_ip, DNS_PORT, question)))
        answers = probe.run([what for _call, _name, what in planned], timeout_s)
        asked += len(planned)
        for (call, name, _what), answer in zip(planned, answers, strict=True):
            if answer.outcome is Outcome.OPEN:
                call.asked = True
                if not call.addresses:
                    call.addresses = _addresses(answer.data)
                    call.name = name if call.addresses else ""
    return asked


def connect(calls: Collection[Call]) -> int:
    """Connect to what was resolved; the number of connections. Blocking."""
    opened = 0
    for timeout_s in map(patient, ASK_S):
        wanted = [call for call in calls if call.addresses and call.outcome in (None, Outcome.BLOCKED)]
        probes = [Probe(c.edge.source.netns, TCP, c.addresses[0], c.edge.port) for c in wanted]
        for call, answer in zip(wanted, probe.run(probes, timeout_s), strict=True):
            call.outcome = answer.outcome
        opened += len(probes)
    return opened


def _literal(host: str) -> IPAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _addresses(data: bytes) -> tuple[IPAddress, ...]:
    try:
        message = dns.message.from_wire(data)
    except dns.exception.DNSException:
        return ()
    if message.rcode() != dns.rcode.NOERROR:
        return ()
    return tuple(
        IPv4Address(item.to_text())
        for section in message.answer
        if section.rdtype == dns.rdatatype.A
        for item in section
    )
