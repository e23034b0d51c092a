"""Network Policy Enforcement: a policy is stored and becomes rules; one pod is let in, another not, and only DNS out."""

from collections.abc import Iterator

from control.client.resources import NETWORKPOLICIES
from control.explain.run import TraceReport
from control.scenarios.arrow import Arrow, Part, Seen
from control.scenarios.engine import Flow, Observation
from control.scenarios.way import evidence, facts
from control.testkit.api import Json
from control.testkit.lab import Lab
from control.testkit.place import Node, Pod
from dataplane.observe.journey import Course

_PORT, _DNS, _HTTPS = 5432, 53, 443
_POLICY = "database"
_TABLE = "inet podwire-policy"


def _observe(lab: Lab) -> Observation:
    near, far = lab.nodes[1], lab.nodes[-1]
    database = lab.pod("database", node=far.name, listens=_PORT, labels={"app": "database"})
    backend = lab.pod("backend", node=near.name, labels={"app": "backend"})
    frontend = lab.pod("frontend", node=near.name, labels={"app": "frontend"})
    seen = list(_creation(lab, far))
    seen += _conversation(lab, lab.trace(backend, database, _PORT), ("Pod1", backend), database)
    seen += _conversation(lab, lab.trace(frontend, database, _PORT), ("Pod1", frontend), database)
    seen += _conversation(lab, lab.trace(database, "8.8.8.8", _HTTPS), ("Pod2", database), None)
    dns = lab.trace(database, "kube-system/svc/kube-dns", _DNS, protocol="udp")
    seen += _conversation(lab, dns, ("Pod2", database), None)
    return Observation({"node": far.name}, tuple(seen))


def _creation(lab: Lab, far: Node) -> Iterator[Seen]:
    """Phase 1, by what the API answered and what each node's kernel then holds."""
    made = _create(lab)
    version = made["metadata"]["resourceVersion"]
    yield Seen("Admin", "API", "create", f"201, resourceVersion {version}", {"version": version})
    stored = lab.api.get(NETWORKPOLICIES, _POLICY, lab.namespace)
    if stored["metadata"]["uid"] == made["metadata"]["uid"]:
        version = stored["metadata"]["resourceVersion"]
        yield Seen("API", "API", "store", f"resourceVersion {version}", {"version": version})
    name = f"{lab.namespace}/{_POLICY}"

    def rules() -> str:
        text = far.nft(_TABLE)
        for each in (f"chain in.{name}.", f"chain out.{name}.", "spec.ingress[0].from[0]", "spec.egress[0]"):
            assert each in text, f"{far.name} has no {each} yet"
        return text

    text = lab.until(rules, 30, what=f"the policy is in {far.name}'s kernel")
    told = f"{far.name}: NetworkPolicy {name} in {_TABLE}"
    yield Seen("API", "CNI", "watch", told)
    fields = sorted(
        {word for word in text.replace('"', " ").split() if word.startswith(("spec.in", "spec.eg"))}
    )
    yield Seen("CNI", "CNI", "parse", f"{told}: {', '.join(fields)}", {"fields": ", ".join(fields)})
    chains = [
        line.split()[1].rsplit(".", 1)[0]
        for line in text.splitlines()
        if f".{name}." in line and "chain" in line.split()
    ]
    said = " and ".join(dict.fromkeys(chains))
    yield Seen(
        "CNI", "CNI", "convert", f"{told}: chains {said}", {"chains": said.replace(f"{lab.namespace}/", "")}
    )
    elsewhere = [node.name for node in lab.nodes if node.name != far.name and f".{name}." in node.nft(_TABLE)]
    where = "install" if not elsewhere else f"install on {', '.join(elsewhere)} too"
    yield Seen(
        "CNI", "Kernel", where, f"{far.name} has the chains, the other nodes have not", {"where": far.name}
    )


def _create(lab: Lab) -> Json:
    ports = [{"port": _DNS, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return lab.policy(
        _POLICY,
        podSelector={"matchLabels": {"app": "database"}},
        policyTypes=["Ingress", "Egress"],
        ingress=[
            {"from": [{"podSelector": {"matchLabels": {"app": "backend"}}}], "ports": [{"port": _PORT}]}
        ],
        egress=[{"ports": ports}],
    )


def _conversation(
    lab: Lab, report: TraceReport, sender: tuple[str, Pod], target: Pod | None
) -> Iterator[Seen]:
    """One packet: sent, judged, and forwarded or dropped. target: None for one that leaves by egress rules."""
    part, pod = sender
    request, reply = report.journey.sightings(Course.REQUEST), report.journey.sightings(Course.REPLY)
    if target is not None and request and request[0].outgoing:
        told = {**facts(request[0]), "labels": f"app={pod.labels['app']}"}
        yield Seen(part, part, "connect", evidence(request[0]), told)
    for sighting in request[1:2]:
        yield Seen(part, "Kernel", "packet", evidence(sighting), facts(sighting))
    judged = [j for j in report.journey.judgements(Course.REQUEST) if j.event.table == "podwire-policy"]
    for judgement in judged[:1]:
        event = judgement.event
        yield Seen(
            "Kernel", "Kernel", "check", f"{judgement.netns}: {judgement.hook}, {event.family} {event.table}"
        )
    ours = [
        hop
        for hop in report.request
        if hop.what == "policy"
        and hop.provenance is not None
        and hop.provenance.key == f"{lab.namespace}/{_POLICY}"
    ]
    for hop in ours[:1]:
        what = "deny" if hop.said.startswith("DROPPED") else "allow"
        said = hop.said.removeprefix("DROPPED: ").replace(f"{lab.namespace}/", "")
        yield Seen("Kernel", "Kernel", what, f"{hop.place}: {hop.said}", {"said": said})
    yield from _end(report, target)
    back = [s for s in reply if s.netns == pod.netns and not s.outgoing]
    if target is not None and back:
        yield Seen("Pod2", part, "response", evidence(back[0]), facts(back[0]))


def _end(report: TraceReport, target: Pod | None) -> Iterator[Seen]:
    fate = report.fate
    request = report.journey.sightings(Course.REQUEST)
    if (
        not fate.delivered
        and fate.step is not None
        and any(j.event.drops for j in report.journey.judgements(Course.REQUEST))
    ):
        yield Seen("Kernel", "Kernel", "drop", f"{fate.place}: {fate.said}", {"cause": str(fate.cause)})
    elif target is None:
        arrived = request[-1]
        yield Seen("Kernel", "Kernel", "accept", evidence(arrived), facts(arrived))
    else:
        for sighting in [s for s in request if s.netns == target.netns and not s.outgoing][:1]:
            yield Seen("Kernel", "Pod2", "forward", evidence(sighting), facts(sighting))


_CHECK = Arrow("Kernel", "Kernel", "check", "Check nftables: podwire-policy")
FLOW = Flow(
    name="network-policy",
    title="Network Policy Enforcement",
    chart="sequenceDiagram",
    parts=(
        Part("Admin", "Admin"),
        Part("API", "API Server"),
        Part("CNI", "Policy enforcer of {node}"),
        Part("Pod1", "Source Pod"),
        Part("Pod2", "Target Pod"),
        Part("Kernel", "Linux Kernel/nftables"),
    ),
    arrows=(
        Arrow("Admin", "API", "create", "Create NetworkPolicy<br/>- podSelector: app=database<br/>- ingress from: app=backend<br/>- egress to: DNS only", note="Phase 1: Policy Creation"),
        Arrow("API", "API", "store", "Store NetworkPolicy, resourceVersion {version}"),
        Arrow("API", "CNI", "watch", "Watch: NetworkPolicy created", answer=True),
        Arrow("CNI", "CNI", "parse", "Parse policy rules:<br/>{fields}"),
        Arrow("CNI", "CNI", "convert", "Convert to nftables rules:<br/>{chains}"),
        Arrow("CNI", "Kernel", "install", "Install on all nodes with database pods: {where}"),
        Arrow("Pod1", "Pod1", "connect", "{labels}<br/>Connect to database pod", note="Phase 2: Pod Communication (Allowed)"),
        Arrow("Pod1", "Kernel", "packet", "Packet: {from} → {to}"),
        _CHECK,
        Arrow("Kernel", "Kernel", "allow", "{said}"),
        Arrow("Kernel", "Pod2", "forward", "Forward packet {from} → {to}"),
        Arrow("Pod2", "Pod1", "response", "Response {from} → {to}", answer=True),
        Arrow("Pod1", "Pod1", "connect", "{labels}<br/>Try to connect to database", note="Phase 3: Pod Communication (Blocked)"),
        Arrow("Pod1", "Kernel", "packet", "Packet: {from} → {to}"),
        _CHECK,
        Arrow("Kernel", "Kernel", "deny", "{said}"),
        Arrow("Kernel", "Kernel", "drop", "DROP packet: {cause}", dead=True),
        Arrow("Pod2", "Kernel", "packet", "Packet: {from} → {to}", note="Phase 4: Egress Control"),
        _CHECK,
        Arrow("Kernel", "Kernel", "deny", "{said}"),
        Arrow("Kernel", "Kernel", "drop", "DROP packet: {cause}", dead=True),
        Arrow("Pod2", "Kernel", "packet", "Packet: {from} → {to} (DNS)"),
        _CHECK,
        Arrow("Kernel", "Kernel", "allow", "{said}"),
        Arrow("Kernel", "Kernel", "accept", "ACCEPT packet → {to}"),
    ),
    observe=_observe,
)  # fmt: skip
