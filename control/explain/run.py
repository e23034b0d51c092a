"""``podwire trace`` as a function: a lab, two places, one packet, and what became of it."""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from control.explain.aim import Aim, Asker, aim_at
from control.explain.atlas import Atlas
from control.explain.cause import Fate, fate_of
from control.explain.causes import Cause
from control.explain.hops import Hop, hops_of
from control.lab.places import Place
from control.verify.cluster import cluster_of
from dataplane.ebpf.drops import DropWatch
from dataplane.model.address import Family, IPAddress
from dataplane.netns.enter import run_inside
from dataplane.nft.handle import NftHandle
from dataplane.nft.ruleset import Table
from dataplane.observe import craft
from dataplane.observe.journey import Course, Ends, Journey
from dataplane.observe.marking import Mark
from dataplane.observe.trace import Sending, trace
from policy.oracle.flow import Flow, OracleVerdict
from policy.oracle.verdict import verdict

KINDS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "services": "/api/v1/services",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
}
"""What a trace needs of the API: by plural, with the path."""
_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1}
_FIRST_FREE, _PORTS = 61_001, 4_000
"""Above the kernel's ephemeral ports (net.ipv4.ip_local_port_range): no other connection has such a port."""
PATIENCE_S = 4.0
"""For an answer, or the packet's end: the kernel asks three seconds long for a neighbour's MAC address."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to send. protocol: tcp, udp, sctp or icmp. ttl, size_bytes: of the IP packet; size 0: as small as it is."""

    to: str
    protocol: str = "tcp"
    family: Family = Family.V4
    ttl: int = 64
    size_bytes: int = 0
    timeout_s: float = PATIENCE_S


@dataclass(frozen=True, slots=True)
class TraceReport:
    """One packet, observed. oracle: what the policies say of it; None where they have no say."""

    source: str
    aim: Aim
    question: Question
    journey: Journey
    fate: Fate
    request: tuple[Hop, ...]
    answer: tuple[Hop, ...]
    oracle: OracleVerdict | None

    @property
    def agrees(self) -> bool | None:
        """The policies' verdict and the wire's are the same; None when the wire's says nothing of policies."""
        if self.oracle is None:
            return None
        if self.fate.cause in (Cause.POLICY, Cause.FOREIGN_RULE):
            return not self.oracle.allowed
        return self.oracle.allowed if self.fate.delivered else None


def run_trace(
    atlas: Atlas, source: Place, question: Question, kernel: DropWatch | None = None
) -> TraceReport:
    """Send one packet from a place and follow it. kernel: says where and why it dies, if it can. Raises UsageError, NoSuchPlace, KernelError."""
    namespace = source.name.partition("/")[0] if source.kind == "pod" else "default"
    outside = source.netns == atlas.plan.fabric.internet.netns
    aim = aim_at(atlas, question.to, Asker(question.protocol, question.family, namespace, outside))
    sending = _sending(source, aim, question)
    journey = trace(sending, atlas.watched(source.netns, aim.answers), question.timeout_s, kernel)
    policies = _policies(journey)
    fate = fate_of(journey, atlas, aim, source.name)
    return TraceReport(
        source.name,
        aim,
        question,
        journey,
        fate,
        hops_of(journey, atlas, Course.REQUEST, policies),
        hops_of(journey, atlas, Course.REPLY, policies) + hops_of(journey, atlas, Course.ERROR, policies),
        _oracle(atlas, journey, question),
    )


def atlas_of(plan: Any, objects: Mapping[str, list[Mapping[str, Any]]]) -> Atlas:
    """The atlas of a plan and the API's objects by plural (``KINDS``)."""
    return Atlas(plan, cluster_of(objects), objects)


def _sending(source: Place, aim: Aim, question: Question) -> Sending:
    number = _FIRST_FREE + secrets.randbelow(_PORTS)
    ours = run_inside(source.netns, lambda: source_address(aim.address))
    ends = craft.Ends(ours or _unspecified(aim.address), aim.address, question.ttl)
    match question.protocol:
        case "tcp":
            packet = craft.tcp(ends, number, aim.port, payload=_fill(question, 20, aim))
        case "udp":
            packet = craft.udp(ends, number, aim.port, _fill(question, 8, aim) or b"podwire trace\n")
        case "sctp":
            packet = craft.sctp_init(ends, number, aim.port)
        case _:
            packet = craft.echo(ends, number, payload=_fill(question, 8, aim) or b"podwire trace\n")
    protocol = _NUMBERS[question.protocol]
    if question.protocol == "icmp" and aim.address.version == 6:
        protocol = 58
    return Sending(source.netns, Mark(protocol, number), packet, aim.address)


def _fill(question: Question, transport_bytes: int, aim: Aim) -> bytes:
    """Payload that brings the IP packet to the size that was asked for."""
    header = 20 if aim.address.version == 4 else 40
    return bytes(max(0, question.size_bytes - header - transport_bytes))


def source_address(destination: IPAddress) -> IPAddress | None:
    """The address that the calling thread's namespace would send from; None without a route."""
    family = socket.AF_INET if destination.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        try:
            asking.connect((str(destination), 9))
        except OSError:
            return None
        return ip_address(asking.getsockname()[0])


def _unspecified(like: IPAddress) -> IPAddress:
    return ip_address("0.0.0.0" if like.version == 4 else "::")


def _policies(journey: Journey) -> dict[str, Table]:
    """The policy table with its elements of each namespace whose policies judged the packet."""
    judged = [step for course in Course for step in journey.judgements(course)]
    names = {step.netns for step in judged if step.event.table == "podwire-policy"}
    found = {}
    for netns in names:
        with NftHandle(netns) as handle:
            table = handle.dump("inet", "podwire-policy").table("inet", "podwire-policy")
            if table is not None:
                found[netns] = table
    return found


def _oracle(atlas: Atlas, journey: Journey, question: Question) -> OracleVerdict | None:
    """What the policies say of the flow as policy saw it: after Services, before masquerading."""
    ends: Ends | None = None
    for step in journey.judgements(Course.REQUEST):
        if step.event.table == "podwire-policy" and step.before is not None:
            ends = step.before
    if ends is None:
        return None
    world = atlas.view.world
    flow = Flow(
        world.owner(ends.source) or ends.source,
        world.owner(ends.destination) or ends.destination,
        ends.protocol,
        ends.destination_port,
        ends.source,
        ends.destination,
    )
    return verdict(world, atlas.view.policies, flow)
