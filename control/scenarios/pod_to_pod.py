"""Pod-to-Pod Communication: from a pod on one node to a pod on another, over the overlay."""

from control.scenarios.arrow import Arrow, Part, Seen
from control.scenarios.engine import Flow, Observation
from control.scenarios.way import Station, arrows, steps
from control.testkit.lab import Lab
from dataplane.model.topology import Overlay
from dataplane.observe.journey import Course

_PORT = 8080


def _observe(lab: Lab) -> Observation:
    near, far = lab.nodes[1], lab.nodes[2]
    b = lab.pod("pod-b", node=far.name, listens=_PORT)
    a = lab.pod("pod-a", node=near.name)
    family = lab.families[0]
    stations = (
        Station("POD1", a, ("eth0",)),
        Station("VETH1", near, ("veth*",)),
        Station("BRIDGE1", near, ("cni0",)),
        Station("ETH1", near, ("eth0", "vxlan*")),  # the overlay's device is the way into the cable
        Station("NETWORK", lab.fabric, ("*",)),
        Station("ETH2", far, ("eth0", "vxlan*")),
        Station("BRIDGE2", far, ("cni0",)),
        Station("VETH2", far, ("veth*",)),
        Station("POD2", b, ("eth0",)),
    )
    report = lab.trace(a, b, _PORT)
    nodes = {node.name: node for node in lab.plan.fabric.nodes}
    facts = {
        "near": f"{near.name} - {near.ip[family]}",
        "far": f"{far.name} - {far.ip[family]}",
        "a": str(a.ip[family]),
        "b": str(b.ip[family]),
        "bridge1": str(nodes[near.name].gateways[0].ip),
        "bridge2": str(nodes[far.name].gateways[0].ip),
        "range2": str(nodes[far.name].pod_cidrs[0]),
        "overlay": lab.plan.fabric.tunnel.mode.value,
    }
    seen = tuple(arrows(steps(report, Course.REQUEST, stations)))
    if lab.plan.fabric.tunnel.mode is not Overlay.VXLAN:  # "encapsulate if overlay": bare is right there
        seen = tuple(_bare(each) for each in seen)
    return Observation(facts, seen)


def _bare(seen: Seen) -> Seen:
    """On the cables the picture's arrows stand for a packet that no overlay carries."""
    cable = {("ETH1", "NETWORK"), ("NETWORK", "ETH2")}
    if (seen.source, seen.target) not in cable or seen.what != "packet":
        return seen
    facts = {**seen.facts, "outer": "no overlay", "vni": "none"}
    return Seen(seen.source, seen.target, "tunnel", seen.evidence, facts)


FLOW = Flow(
    name="pod-to-pod",
    title="Pod-to-Pod Communication",
    chart="graph LR",
    parts=(
        Part("POD1", "Pod A<br/>{a}", "{near}"),
        Part("VETH1", "veth pair", "{near}"),
        Part("BRIDGE1", "cni0 bridge<br/>{bridge1}", "{near}"),
        Part("ETH1", "eth0", "{near}"),
        Part("POD2", "Pod B<br/>{b}", "{far}"),
        Part("VETH2", "veth pair", "{far}"),
        Part("BRIDGE2", "cni0 bridge<br/>{bridge2}", "{far}"),
        Part("ETH2", "eth0", "{far}"),
        Part("NETWORK", "Overlay Network<br/>{overlay}", "Network Fabric"),
    ),
    arrows=(
        Arrow("POD1", "VETH1", "packet", "1. Send to {to}"),
        Arrow("VETH1", "BRIDGE1", "packet"),
        Arrow("BRIDGE1", "ETH1", "packet", "2. Route to {range2}, ttl {ttl}"),
        Arrow("ETH1", "NETWORK", "tunnel", "3. Encapsulate: VXLAN {vni}, {outer}"),
        Arrow("NETWORK", "ETH2", "tunnel", "4. Deliver {outer}"),
        Arrow("ETH2", "BRIDGE2", "packet", "5. Decapsulate, ttl {ttl}"),
        Arrow("BRIDGE2", "VETH2", "packet"),
        Arrow("VETH2", "POD2", "packet", "6. Deliver {from} → {to}"),
    ),
    observe=_observe,
    workers=2,
)
