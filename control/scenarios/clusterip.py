"""Service ClusterIP Traffic Flow: a client, its node's rules, one of three backends, and the way back."""

import re
from collections.abc import Iterator

from control.explain.run import TraceReport
from control.scenarios.arrow import Arrow, Part, Seen
from control.scenarios.engine import Flow, Observation
from control.scenarios.way import evidence, facts, host_port
from control.testkit.lab import Lab
from control.testkit.place import Node, Pod, Service
from dataplane.observe.journey import Course, Sighting

_TARGET, _PORT, _BACKENDS = 8080, 80, 3
_MOST_TRACES = 60
"""A backend that is as likely as its two peers is missed by that many once in 10^10."""
_DNAT = re.compile(
    r"Service (?P<key>\S+): DNAT (?P<was>\S+) → (?P<now>\S+) \((?P<pod>\S+), (?P<share>1 of \d+)\)"
)
_STRANGER = "a place that is not in the picture"


def _observe(lab: Lab) -> Observation:
    home, family = lab.nodes[1], lab.families[0]
    others = [node for node in lab.nodes[2:] if node.name != home.name]
    where = [*others, lab.nodes[0], home][:_BACKENDS]
    backends = [
        lab.pod(f"backend-{n}", node=node.name, listens=_TARGET, labels={"app": "backend"})
        for n, node in enumerate(where, start=1)
    ]
    client = lab.pod("client", node=home.name)
    service = lab.service("backend", to={"app": "backend"}, port=_PORT, target=_TARGET)
    endpoints = sorted(str(address) for pod in backends for address in pod.ip.values())
    lab.until(lambda: lab.endpoints(service.name) == endpoints, 30, what="the Service has all its endpoints")
    lab.until_programmed(service)
    seen: list[Seen] = []
    for _ in range(_MOST_TRACES):
        seen += _arrows(lab.trace(client, service), (client, home), service, backends)
        if len({each.target for each in seen if each.source == "SERVICEVIP"}) == _BACKENDS:
            break
    named = {f"backend{n}": host_port(pod.ip[family], _TARGET) for n, pod in enumerate(backends, start=1)}
    named |= {f"node{n}": node.name for n, node in enumerate(where, start=1)}
    vip = host_port(service.ip[family], _PORT)
    return Observation(
        {"client": str(client.ip[family]), "home": home.name, "vip": vip, **named}, tuple(seen)
    )


def _arrows(
    report: TraceReport, ends: tuple[Pod, Node], service: Service, backends: list[Pod]
) -> Iterator[Seen]:
    client, home = ends
    vip = {host_port(address, _PORT) for address in service.ip.values()}
    parts = {pod.netns: f"BACKEND{n}" for n, pod in enumerate(backends, start=1)}
    request, reply = report.journey.sightings(Course.REQUEST), report.journey.sightings(Course.REPLY)

    def first(sightings: list[Sighting], netns: str, *, outgoing: bool) -> Sighting | None:
        return next((s for s in sightings if s.netns == netns and s.outgoing == outgoing), None)

    sent = first(request, home.netns, outgoing=False)
    if sent is not None and facts(sent)["to"] in vip:
        yield Seen("CLIENT", "IPTABLES1", "connect", evidence(sent), facts(sent))
    for hop in report.request:
        found = _DNAT.match(hop.said) if hop.what == "proxy" and hop.place == home.name else None
        if found is not None and found["was"] in vip:
            yield Seen("IPTABLES1", "SERVICEVIP", "dnat", f"{hop.place}: {hop.said}", found.groupdict())
    taken = next((s for s in request if s.netns in {*parts} and not s.outgoing), None)
    if taken is not None:
        untouched = taken.packet.source in client.ip.values()  # no SNAT on the way
        what = "deliver" if untouched else "deliver from another source"
        yield Seen("SERVICEVIP", parts[taken.netns], what, evidence(taken), facts(taken))
    answered = next((s for s in reply if s.outgoing), None)
    back = first(reply, home.netns, outgoing=False)
    if answered is not None and back is not None:
        part = parts.get(answered.netns, _STRANGER)
        what = (
            "response" if facts(back)["from"] == facts(answered)["from"] else "response from another source"
        )
        yield Seen(part, "IPTABLES1", what, evidence(back), facts(back))
    got = first(reply, client.netns, outgoing=False)
    if got is not None:
        what = "snat" if facts(got)["from"] in vip else "response from the backend itself"
        yield Seen("IPTABLES1", "CLIENT", what, evidence(got), facts(got))


FLOW = Flow(
    name="clusterip",
    title="Service ClusterIP Traffic Flow",
    chart="graph TB",
    parts=(
        Part("CLIENT", "Client Pod<br/>{client}", "Client Node {home}"),
        Part("IPTABLES1", "nftables: podwire-services", "Client Node {home}"),
        Part("SERVICEVIP", "Service ClusterIP<br/>{vip}<br/>Virtual IP", "Network"),
        *(
            Part(f"BACKEND{n}", f"Backend Pod {n}<br/>{{backend{n}}}", f"Backend Node {{node{n}}}")
            for n in (1, 2, 3)
        ),
    ),
    arrows=(
        Arrow("CLIENT", "IPTABLES1", "connect", "1. Connect to<br/>{to}"),
        Arrow("IPTABLES1", "SERVICEVIP", "dnat", "2. DNAT<br/>Random selection, {share}"),
        *(
            Arrow("SERVICEVIP", f"BACKEND{n}", "deliver", f"3{letter}. DNAT to<br/>{{to}}")
            for n, letter in ((1, "a"), (2, "b"), (3, "c"))
        ),
        *(
            Arrow(f"BACKEND{n}", "IPTABLES1", "response", "4. Response<br/>from {from}", answer=True)
            for n in (1, 2, 3)
        ),
        Arrow("IPTABLES1", "CLIENT", "snat", "5. SNAT<br/>Source: {from}", answer=True),
    ),
    observe=_observe,
    ordered=False,
)
