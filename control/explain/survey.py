"""The chart of a running lab: plan and API say what there is, each namespace's kernel whether its links are up."""

from control.explain.atlas import Atlas
from control.explain.chart import Chart, NodeBox, PodBox, Way, places_of
from control.explain.run import TraceReport
from dataplane.errors import KernelError
from dataplane.model.topology import NodePlan
from dataplane.netlink.observe import SeenLink, links
from dataplane.observe.journey import Course

_CABLE = "eth0"


def survey(atlas: Atlas) -> Chart:
    """Look at every node. Raises KernelError when the fabric is not there."""
    fabric = atlas.plan.fabric
    ports = links(fabric.netns)
    internet = fabric.internet
    return Chart(
        atlas.plan.name,
        atlas.plan.spec.overlay,
        tuple(_node(atlas, node, ports) for node in fabric.nodes),
        str(internet.addresses[0]),
        _carries(ports, internet.cable),
    )


def way_of(report: TraceReport, atlas: Atlas) -> Way:
    """A trace as a line over the chart."""
    places = places_of(atlas.place(seen.netns) for seen in report.journey.sightings(Course.REQUEST))
    fate = report.fate
    end = "delivered" if fate.delivered else f"lost at {fate.place}: {fate.cause}"
    return Way(places or (report.source,), f"{report.source} → {report.aim.said}: {end}", fate.delivered)


def _node(atlas: Atlas, node: NodePlan, ports: dict[str, SeenLink]) -> NodeBox:
    try:
        own = links(node.netns)
    except KernelError:  # removed, or stopped: shown as down
        own = {}
    workloads = {ready.facts.key: ready.workload for ready in atlas.view.pods}
    pods = [
        PodBox(
            pod.key,
            workloads.get(pod.key, pod.key),
            tuple(str(ip) for ip in pod.ips),
            _carries(own, f"veth{atlas.pod_netns(pod).rsplit('-', 1)[1]}"),
        )
        for pod in atlas.view.world.pods.values()
        if pod.node == node.name and not pod.host_network and not pod.finished and pod.ips
    ]
    return NodeBox(
        node.name,
        tuple(str(address) for address in node.addresses),
        tuple(str(cidr) for cidr in node.pod_cidrs),
        tuple(sorted(pods, key=lambda pod: pod.key)),
        _carries(own, _CABLE) and _carries(ports, node.name),
        _ready(atlas, node.name),
    )


def _carries(seen: dict[str, SeenLink], name: str) -> bool:
    link = seen.get(name)
    return link is not None and link.up


def _ready(atlas: Atlas, name: str) -> bool:
    for node in atlas.objects["nodes"]:
        if node["metadata"]["name"] == name:
            conditions = (node.get("status") or {}).get("conditions") or ()
            return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return False
