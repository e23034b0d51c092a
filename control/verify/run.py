"""verify from end to end: read the API, try everything, compare with the oracle."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from control.client.client import ApiClient
from control.errors import NoSuchPlace
from control.verify import calls as call_graph
from control.verify.calls import Call
from control.verify.cluster import ClusterView, Endpoint, read_cluster
from control.verify.expect import Expectation, Expectations, Word
from control.verify.observation import Observation
from control.verify.pairs import (
    Pair,
    Target,
    TargetKind,
    internet_source,
    node_ports,
    pairs,
    sources,
    targets,
)
from control.verify.report import CallResult, VerifyReport
from control.verify.rounds import Progress, settle
from dataplane.model.address import IPAddress
from policy.model import TCP, UDP

DNS_SERVICE = "kube-system/kube-dns"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to verify.

    namespaces: of sources and targets; empty for all. internet: also from every workload to one address outside.
    domain: the cluster's, for the search path.
    """

    lab: str
    namespaces: tuple[str, ...] = ()
    internet: bool = True
    domain: str = "cluster.local"
    tunnel: bool = True


async def run_verify(
    client: ApiClient, options: VerifyOptions, progress: Progress = lambda _done, _all: None
) -> VerifyReport:
    """Try every pair; what the cluster changed meanwhile is tried once more before it is called a mismatch.

    progress: called from another thread. Needs root: probes start inside the pods' namespaces.
    Raises NoSuchPlace for a namespace that is not there: a typing error must not pass for a proof.
    """
    started = time.monotonic()
    cluster = await read_cluster(client)
    for name in options.namespaces:
        if name not in cluster.world.namespaces:
            raise NoSuchPlace(
                f"There is no namespace {name!r} in lab {options.lab}.",
                f"podwire kubectl --name {options.lab} get namespaces",
            )
    report = await asyncio.to_thread(_try, cluster, options, progress)
    if report.mismatches:
        now = await read_cluster(client)
        if _relevant(cluster, options.namespaces) != _relevant(now, options.namespaces):
            report = await asyncio.to_thread(_try, now, options, progress)
    took_s = time.monotonic() - started
    return VerifyReport(report.observations, report.calls, report.connections, took_s)


def _relevant(cluster: ClusterView, namespaces: Sequence[str]) -> tuple[object, ...]:
    """What of the cluster decides the outcome in these namespaces."""

    def chosen(namespace: str) -> bool:
        return not namespaces or namespace in namespaces

    pods = {uid: pod for uid, pod in cluster.world.pods.items() if chosen(pod.namespace)}
    policies = [policy for policy in cluster.policies if chosen(policy.namespace)]
    services = [view for view in cluster.services if chosen(view.service.partition("/")[0])]
    return pods, policies, services


def _try(cluster: ClusterView, options: VerifyOptions, progress: Progress) -> VerifyReport:
    said = Expectations(cluster, tunnel=options.tunnel)
    started = time.monotonic()
    chosen = sources(cluster, options.lab, options.namespaces)
    aims = targets(cluster, options.namespaces, internet=options.internet)
    tried = pairs(chosen, aims)
    if options.internet:
        tried += pairs([internet_source(options.lab)], node_ports(cluster, options.namespaces))
    observations = [Observation(pair, said.of(pair)) for pair in tried]
    opened = settle(observations, progress)
    called = [Call(edge) for edge in call_graph.edges(cluster, chosen)]
    opened += _follow(cluster, called, options.domain)
    results = tuple(CallResult(call, _expected(cluster, said, call, options.domain)) for call in called)
    return VerifyReport(tuple(observations), results, opened, time.monotonic() - started)


def _follow(cluster: ClusterView, called: Sequence[Call], domain: str) -> int:
    """Resolve and connect. A question to the DNS is a connection too."""
    door = _dns(cluster)
    asked = call_graph.resolve(called, door.address, domain) if door is not None else 0
    return asked + call_graph.connect(called)


def _dns(cluster: ClusterView) -> Target | None:
    for view in cluster.services:
        if view.service == DNS_SERVICE and view.protocol == UDP and view.address.version == 4:
            return _as_target(view.address, view.port, UDP, view.endpoints)
    return None


def _expected(cluster: ClusterView, said: Expectations, call: Call, domain: str) -> Expectation:
    """What should come of a call: whether its name resolves, then what the policies say of the address."""
    source = call.edge.source
    if not call.addresses:
        return _expected_unresolved(cluster, said, call, domain)
    address, port = call.addresses[0], call.edge.port
    for view in cluster.services:
        if (view.address, view.port, view.protocol) == (address, port, TCP):
            return said.of(Pair(source, _as_target(address, port, TCP, view.endpoints)))
    if any(view.address == address for view in cluster.services):
        return Expectation(Word.REFUSED, f"{call.edge.host} is a Service without port {port}")
    pod = cluster.pod_at(address)
    endpoint = Endpoint(address, port, pod, pod.node if pod else "")
    return said.of(Pair(source, _as_target(address, port, TCP, (endpoint,))))


def _expected_unresolved(cluster: ClusterView, said: Expectations, call: Call, domain: str) -> Expectation:
    source, host = call.edge.source, call.edge.host
    door = _dns(cluster)
    if door is None:
        return Expectation(Word.UNRESOLVED, f"there is no Service {DNS_SERVICE}")
    way = said.of(Pair(source, door))
    if way.word is Word.BLOCKED:
        return Expectation(Word.UNRESOLVED, f"DNS: {way.reason}", way.policies)
    names = call_graph.candidates(host, source.pod.namespace if source.pod else "default", domain)
    known = [name for name in names if _service_of(name, domain) in cluster.service_names]
    if known:
        return Expectation(Word.OPEN, f"Service {_service_of(known[0], domain)} is there")
    return Expectation(Word.UNRESOLVED, f"there is no Service {host}")


def _service_of(name: str, domain: str) -> str:
    """``shop/api`` of ``api.shop.svc.cluster.local.``; empty for other names."""
    service, dot, rest = name.removesuffix(f".svc.{domain}.").rpartition(".")
    return f"{rest}/{service}" if dot and name.endswith(f".svc.{domain}.") and "." not in service else ""


def _as_target(address: IPAddress, port: int, protocol: int, endpoints: tuple[Endpoint, ...]) -> Target:
    return Target(TargetKind.SERVICE, f"{address}:{port}", "", protocol, address, port, endpoints)
