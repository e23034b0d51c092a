"""lab.yaml as a value: what the user asked for, checked field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import yaml

from control.agents.context import ConflistSpec
from control.errors import NameInvalid, SpecInvalid
from control.lab.fault import Fault, read_faults
from control.lab.spec_cni import read_cni
from control.lab.spec_fields import Fields
from dataplane.model.address import IPNetwork

LAB_NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
OVERLAYS = ("vxlan", "direct")
CONTROL_TAINT = ("node-role.kubernetes.io/control-plane", "", "NoSchedule")
CONTROL_LABEL = "node-role.kubernetes.io/control-plane"
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
LABEL_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}")
LABEL_VALUE = re.compile(rf"({_NAME})?")
FIRST_NODE = 9  # 10.0.1.9 is the control plane, workers follow
MOST_PODS = 1000  # a bridge takes 1,023 ports


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node as asked for. taints: (key, value, effect).

    number: its place in the ranges; it stays when other nodes come and go, and so do the node's addresses.
    """

    name: str
    number: int = 0
    control: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Periods:
    """The node controller's periods, in seconds; upstream's defaults."""

    lease_s: float = 10.0
    monitor_s: float = 5.0
    monitor_grace_s: float = 50.0
    eviction_toleration_s: float = 300.0


@dataclass(frozen=True, slots=True)
class LabSpec:
    """A whole lab as asked for.

    nodes, pods, services: one network a family, IPv4 first. mtu_bytes: of the links between nodes.
    dual_stack None: on where the kernel has IPv6. cni None: podwire's own network. faults: made at the end of `up`.
    """

    nodes: tuple[NodeSpec, ...]
    overlay: str = "vxlan"
    node_cidrs: tuple[IPNetwork, ...] = (IPv4Network("10.0.1.0/24"), IPv6Network("fd00:10:1::/64"))
    pod_cidrs: tuple[IPNetwork, ...] = (IPv4Network("10.244.0.0/16"), IPv6Network("fd00:10:244::/48"))
    service_cidrs: tuple[IPNetwork, ...] = (IPv4Network("10.96.0.0/12"), IPv6Network("fd00:10:96::/112"))
    dual_stack: bool | None = None
    pods_per_node: int = 110
    mtu_bytes: int = 1500
    cluster_domain: str = "cluster.local"
    periods: Periods = field(default_factory=Periods)
    cni: ConflistSpec | None = None
    faults: tuple[Fault, ...] = ()


def default_nodes(workers: int) -> tuple[NodeSpec, ...]:
    """One control-plane node ``cp``, and workers ``node-1`` …"""
    return (control_node("cp"), *(NodeSpec(f"node-{n}", n) for n in range(1, workers + 1)))


def control_node(name: str) -> NodeSpec:
    """A control-plane node with kubeadm's label and taint."""
    return NodeSpec(name, control=True, labels=((CONTROL_LABEL, ""),), taints=(CONTROL_TAINT,))


def check_lab_name(name: str) -> str:
    """The name, or NameInvalid. No hyphen, so that no lab's sweep can match another's."""
    if not LAB_NAME.fullmatch(name):
        raise NameInvalid(
            f"{name!r} is no name for a lab: a small letter, then at most 11 small letters and digits.",
            "--name shop1",
        )
    return name


def read_spec(path: Path) -> LabSpec:
    """Read and check a lab.yaml; SpecInvalid names the field and the mend."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecInvalid(f"{path} can't be read: {error.strerror}.", "podwire up -f lab.yaml") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where else ""
        problem = getattr(error, "problem", None) or str(error)
        raise SpecInvalid(
            f"{path.name}: {line}this is not YAML: {problem}.", "mend the line named"
        ) from error
    return parse_spec(document, path.name, path.parent)


def parse_spec(document: Any, source: str = "lab.yaml", beside: Path = Path()) -> LabSpec:
    """Check a parsed lab.yaml against everything that a lab needs. beside: the folder that it lies in."""
    top = Fields(source, "", document if document is not None else {})
    top.only(
        "nodes",
        "workers",
        "overlay",
        "cidrs",
        "dualStack",
        "podsPerNode",
        "mtu",
        "clusterDomain",
        "periods",
        "cni",
        "faults",
    )
    if top.has("nodes") and top.has("workers"):
        raise top.wrong(
            "workers", "stands beside nodes, which already says who is there", "leave one of them out"
        )
    nodes = (
        tuple(_node(entry, number) for number, entry in enumerate(top.list("nodes")))
        if top.has("nodes")
        else default_nodes(top.integer("workers", 2, least=0, most=100))
    )
    _check_nodes(top, nodes)
    dual = top.boolean("dualStack", None)
    cidrs = _cidrs(top)
    usual = LabSpec(nodes=())
    spec = LabSpec(
        nodes=nodes,
        overlay=top.choice("overlay", usual.overlay, OVERLAYS),
        node_cidrs=cidrs["nodes"],
        pod_cidrs=cidrs["pods"],
        service_cidrs=cidrs["services"],
        dual_stack=dual,
        pods_per_node=top.integer("podsPerNode", usual.pods_per_node, least=1, most=MOST_PODS),
        mtu_bytes=top.integer("mtu", usual.mtu_bytes, least=1400, most=65535),
        cluster_domain=top.text(
            "clusterDomain", usual.cluster_domain, re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
        ),
        periods=_periods(top.sub("periods")),
        cni=read_cni(top.sub("cni"), beside),
        faults=_faults(top, nodes),
    )
    _check_room(top, spec)
    return spec


def _faults(top: Fields, nodes: tuple[NodeSpec, ...]) -> tuple[Fault, ...]:
    names = [node.name for node in nodes]
    roles = ("api", "controllers", "zygote", "internet", *(f"agents-{name}" for name in names))
    return read_faults(top, (*names, "internet"), roles)


def _node(entry: Fields, number: int) -> NodeSpec:
    entry.only("name", "role", "labels", "taints")
    name = entry.text("name", None, NODE_NAME)
    if is_place(name):
        raise entry.wrong("name", f"{name} names a place of podwire's own", "call the node node-1, say")
    control = entry.choice("role", "worker", ("worker", "control")) == "control"
    base = control_node(name) if control else NodeSpec(name)
    labels = dict(base.labels) | entry.string_map("labels")
    for key, value in labels.items():
        if not LABEL_KEY.fullmatch(key) or not LABEL_VALUE.fullmatch(value):
            raise entry.wrong(
                f"labels.{key}", f"{key}={value} is no label", "zone: a, or example.com/zone: a"
            )
    taints = base.taints
    if entry.has("taints"):
        taints = tuple(_taint(taint) for taint in entry.list("taints"))
    return NodeSpec(name, number, control, tuple(sorted(labels.items())), taints)


def is_place(name: str) -> bool:
    """Is that the name of a place of podwire's own, which no node may have?"""
    return name in ("fabric", "internet") or name.startswith("pod-")


def _taint(entry: Fields) -> tuple[str, str, str]:
    entry.only("key", "value", "effect")
    effect = entry.choice("effect", "NoSchedule", ("NoSchedule", "PreferNoSchedule", "NoExecute"))
    return entry.text("key", None), entry.text("value", ""), effect


def _check_nodes(top: Fields, nodes: tuple[NodeSpec, ...]) -> None:
    seen: set[str] = set()
    for index, node in enumerate(nodes):
        if node.name in seen:
            raise top.wrong(
                f"nodes[{index}].name", f"{node.name} stands twice", "give each node its own name"
            )
        seen.add(node.name)
    control = [node.name for node in nodes if node.control]
    if len(control) != 1:
        raise top.wrong(
            "nodes",
            f"one node must have role control, {len(control)} have it",
            "role: control on the first node",
        )


def _cidrs(top: Fields) -> dict[str, tuple[IPNetwork, ...]]:
    defaults = LabSpec(nodes=())
    asked = top.sub("cidrs")
    asked.only("nodes", "pods", "services", "nodesV6", "podsV6", "servicesV6")
    out: dict[str, tuple[IPNetwork, ...]] = {}
    for key, (v4, v6) in {
        "nodes": defaults.node_cidrs,
        "pods": defaults.pod_cidrs,
        "services": defaults.service_cidrs,
    }.items():
        out[key] = (asked.network(key, v4, version=4), asked.network(f"{key}V6", v6, version=6))
    _check_overlap(asked, out)
    return out


def _check_overlap(asked: Fields, cidrs: Mapping[str, tuple[IPNetwork, ...]]) -> None:
    taken: list[tuple[str, IPNetwork]] = [
        ("the internet's", ip_network("203.0.113.0/24")),
        ("the internet's", ip_network("2001:db8::/32")),
        ("the internet's", ip_network("8.8.8.8/32")),
        ("the internet's", ip_network("2001:4860:4860::8888/128")),
        ("loopback's", ip_network("127.0.0.0/8")),
        ("link-local", ip_network("169.254.0.0/16")),
        ("link-local", ip_network("fe80::/10")),
        ("multicast's", ip_network("224.0.0.0/3")),
        ("multicast's", ip_network("ff00::/8")),
    ]
    for key, networks in cidrs.items():
        for network in networks:
            name = key if network.version == 4 else f"{key}V6"
            for other_name, other in taken:
                if network.version == other.version and network.overlaps(other):
                    raise asked.wrong(
                        name,
                        f"{network} overlaps {other_name} {other}",
                        f"a range of its own for {key}, {asked.path(name)}: "
                        f"{'172.20.0.0/16' if network.version == 4 else 'fd00:20::/48'} say",
                    )
            taken.append((asked.path(name), network))


def _periods(entry: Fields) -> Periods:
    entry.only("nodeLease", "nodeMonitorPeriod", "nodeMonitorGracePeriod", "evictionToleration")
    usual = Periods()
    periods = Periods(
        lease_s=entry.seconds("nodeLease", usual.lease_s),
        monitor_s=entry.seconds("nodeMonitorPeriod", usual.monitor_s),
        monitor_grace_s=entry.seconds("nodeMonitorGracePeriod", usual.monitor_grace_s),
        eviction_toleration_s=entry.seconds("evictionToleration", usual.eviction_toleration_s),
    )
    if periods.monitor_grace_s <= periods.lease_s:
        raise entry.wrong(
            "nodeMonitorGracePeriod",
            f"{periods.monitor_grace_s:g} s is not longer than a lease's renewal, {periods.lease_s:g} s: "
            "every node would be lost at once",
            "nodeMonitorGracePeriod: 50s, or a shorter nodeLease",
        )
    return periods


def _check_room(top: Fields, spec: LabSpec) -> None:
    """The ranges hold all nodes."""
    highest = max(node.number for node in spec.nodes)
    for version, network in ((n.version, n) for n in spec.node_cidrs):
        if highest + FIRST_NODE + 2 > network.num_addresses:
            raise top.wrong(
                "cidrs.nodes" if version == 4 else "cidrs.nodesV6",
                f"{network} has no room for {len(spec.nodes)} nodes",
                "a shorter prefix, /24 say",
            )
    for network in spec.pod_cidrs:
        prefix = node_prefix(spec.pods_per_node, network.version)
        if prefix < network.prefixlen or highest >= 2 ** (prefix - network.prefixlen):
            raise top.wrong(
                "cidrs.pods" if network.version == 4 else "cidrs.podsV6",
                f"{network} can't be cut into a /{prefix} for each of {highest + 1} nodes",
                "a shorter prefix, or a smaller podsPerNode",
            )
    for network in spec.service_cidrs:
        if network.num_addresses < 32:
            raise top.wrong("cidrs.services", f"{network} is too small for Services", "a /24 or shorter")


def node_prefix(pods_per_node: int, version: int) -> int:
    """Prefix length of one node's pod range: /24 holds 254 pods, larger nodes get a shorter one."""
    if version == 6:
        return 64
    return min(24, 32 - (pods_per_node + 3 - 1).bit_length())
