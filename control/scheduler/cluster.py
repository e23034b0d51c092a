"""The cluster as the scheduler sees it: nodes with their pods, kept up to date by single changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.scheduler.pod_info import PodInfo
from control.scheduler.requests import Resources, amounts

Object = dict[str, Any]


@dataclass(slots=True)
class NodeInfo:
    """A node and what its pods take of it.

    scored: CPU and memory that scores reckon with. owners: pods there by their controller's uid.
    """

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Object, ...] = ()
    unschedulable: bool = False
    allocatable: Resources = field(default_factory=dict)
    known: bool = False
    requested: Resources = field(default_factory=dict)
    scored: list[int] = field(default_factory=lambda: [0, 0])
    pods: dict[str, PodInfo] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)

    def take(self, node: Object) -> bool:
        """Learn from the node's object; whether anything that placing depends on changed."""
        spec, status = node["spec"], node.get("status") or {}
        fresh = (
            node["metadata"].get("labels") or {},
            tuple(spec.get("taints") or ()),
            bool(spec.get("unschedulable")),
            amounts(status.get("allocatable") or status.get("capacity")),
        )
        changed = not self.known or fresh != (
            self.labels,
            self.taints,
            self.unschedulable,
            self.allocatable,
        )
        self.labels, self.taints, self.unschedulable, self.allocatable = fresh
        self.known = True
        return changed

    def count(self, pod: PodInfo, sign: int) -> None:
        """Add (1) or take away (-1) what a pod needs."""
        for name, value in pod.requests.items():
            self.requested[name] = self.requested.get(name, 0) + sign * value
        for index in (0, 1):
            self.scored[index] += sign * pod.scored[index]
        if pod.owner:
            self.owners[pod.owner] = self.owners.get(pod.owner, 0) + sign


class ClusterState:
    """All nodes and all placed pods; assumed pods count before the API says that they are bound.

    with_anti_affinity, with_preferences: placed pods that have such terms, by uid, so that a pod without
    any is placed without looking at all others.
    """

    def __init__(self) -> None:
        self._all: dict[str, NodeInfo] = {}
        self._where: dict[str, str] = {}
        self.by_namespace: dict[str, dict[str, PodInfo]] = {}
        self.with_anti_affinity: dict[str, PodInfo] = {}
        self.with_preferences: dict[str, PodInfo] = {}
        self.namespace_labels: dict[str, Mapping[str, str]] = {}
        self.nodes: dict[str, NodeInfo] = {}

    def put_node(self, node: Object) -> bool:
        """A node came or changed; whether that could let a waiting pod be placed."""
        name = node["metadata"]["name"]
        info = self._all.setdefault(name, NodeInfo(name))
        self.nodes[name] = info
        return info.take(node)

    def remove_node(self, name: str) -> None:
        """A node went; its pods are still counted until they go too."""
        self.nodes.pop(name, None)
        info = self._all.get(name)
        if info is not None:
            info.known = False
            if not info.pods:
                del self._all[name]

    def put_pod(self, pod: PodInfo) -> None:
        """A pod with a node came or changed, or is assumed to be bound."""
        self.remove_pod(pod.uid)
        info = self._all.setdefault(pod.node, NodeInfo(pod.node))
        info.pods[pod.uid] = pod
        info.count(pod, 1)
        self._where[pod.uid] = pod.node
        self.by_namespace.setdefault(pod.namespace, {})[pod.uid] = pod
        if pod.anti_affinity:
            self.with_anti_affinity[pod.uid] = pod
        if pod.affinity or pod.preferred or pod.avoided:
            self.with_preferences[pod.uid] = pod

    def remove_pod(self, uid: str) -> PodInfo | None:
        """A pod went, ended, or could not be bound after all."""
        node = self._where.pop(uid, None)
        if node is None:
            return None
        info = self._all[node]
        pod = info.pods.pop(uid)
        info.count(pod, -1)
        space = self.by_namespace[pod.namespace]
        del space[uid]
        if not space:
            del self.by_namespace[pod.namespace]
        self.with_anti_affinity.pop(uid, None)
        self.with_preferences.pop(uid, None)
        if not info.pods and not info.known:
            self._all.pop(node, None)
        return pod

    def node_of(self, uid: str) -> str:
        """Where a pod is (or is assumed to be), "" when nowhere."""
        return self._where.get(uid, "")
