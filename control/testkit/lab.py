"""A lab as a test sees it: real nodes, pods and Services, in a namespace of the test's own."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from control.client.resources import ENDPOINTSLICES, NAMESPACES, PODS, SERVICEACCOUNTS, Resource
from control.explain.run import Question, TraceReport
from control.lab import kubectl
from control.lab.directory import LabDirectory
from control.lab.plan import LabPlan
from control.lab.up import stored_plan
from control.testkit import wire
from control.testkit.api import Json, LabApi, resource_of
from control.testkit.aside import aside
from control.testkit.insight import Insight
from control.testkit.manifest import manifests_of, pod_manifest, service_manifest
from control.testkit.place import Node, Place, Pod, Service, by_family
from control.testkit.tap import Interface
from control.testkit.trace import Follow
from control.testkit.until import until
from dataplane.ebpf.drops import DropWatch
from dataplane.model.address import Family
from dataplane.netns.names import FABRIC, INTERNET, NamespaceName

T = TypeVar("T")

READY_S = float(os.environ.get("PODWIRE_TEST_READY_S", "30"))


@dataclass(frozen=True)
class Lab(Insight):
    """A running lab, seen from one namespace.

    Objects that a test makes go with its namespace; what it does to nodes stays: it puts that back itself.
    """

    plan: LabPlan
    directory: LabDirectory
    api: LabApi
    namespace: str
    _elsewhere: list[tuple[Resource, str, str | None]] = field(default_factory=list, repr=False)
    """What was applied outside of the test's namespace."""

    @classmethod
    def running(cls, name: str, namespace: str = "default") -> "Lab":
        """The lab of that name, which is up. Raises NoSuchLab."""
        directory = LabDirectory.of(name)
        plan, port = stored_plan(directory)
        return cls(plan, directory, LabApi(directory, port), namespace)

    def in_namespace(self, namespace: str) -> "Lab":
        """The same lab from a new namespace, usable at once."""
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        until(
            lambda: self.api.find(SERVICEACCOUNTS, "default", namespace),
            READY_S,
            what=f"{namespace} has its service account",
        )
        return Lab(self.plan, self.directory, self.api, namespace)

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.plan.name

    @property
    def families(self) -> tuple[Family, ...]:
        """Families that the lab speaks."""
        return self.plan.families

    def node(self, name: str) -> Node:
        """A node by name; ip: its address on the fabric."""
        plan = self.plan.fabric.node(name)
        return Node(name, plan.netns, {Family.of(address): address for address in plan.addresses})

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, the control plane first."""
        return tuple(self.node(node.name) for node in self.plan.fabric.nodes)

    @property
    def internet(self) -> Place:
        """The world outside; ip: the router's address on the fabric."""
        plan = self.plan.fabric.internet
        return Place(INTERNET, plan.netns, {Family.of(address): address for address in plan.addresses})

    @property
    def fabric(self) -> Place:
        """Where the cables between nodes are."""
        return Place(FABRIC, str(NamespaceName(self.name, FABRIC)), {})

    def create(self, obj: Json) -> Json:
        """Make any object, in the test's namespace unless it names another."""
        return self.api.create(obj, self.namespace)

    def apply(self, *sources: str | Path) -> list[Json]:
        """Objects of YAML, by server-side apply, as the API holds them then; in the test's namespace if they name none.

        sources: paths of files and folders, or YAML as text (whatever has a line break). What is made outside
        of the test's namespace goes with the test, too. Raises ManifestInvalid naming file and line, ApiError.
        """
        made = []
        for manifest in manifests_of(*sources):
            resource = resource_of(manifest.object)
            elsewhere = not resource.namespaced or "namespace" in manifest.object["metadata"]
            name, where = manifest.object["metadata"]["name"], manifest.object["metadata"].get("namespace")
            if elsewhere and self.api.find(resource, name, where if resource.namespaced else None) is None:
                self._elsewhere.append((resource, name, where))
            made.append(self.api.apply(manifest.object, self.namespace))
        return made

    def delete(self, resource: Resource, name: str, *, grace_s: int | None = None) -> None:
        """Delete an object of the test's namespace."""
        self.api.delete(resource, name, self.namespace, grace_s=grace_s)

    def pod(
        self,
        name: str,
        *,
        node: str | None = None,
        listens: int | str | Sequence[int | str] = (),
        labels: Mapping[str, str] | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> Pod:
        """A pod that is Ready.

        listens: ports of its stand-in, ``8080`` or ``"53/UDP"``. labels: beside ``name``. spec: merged over the
        pod's (a container's fields under ``container``).
        """
        made = self.create(pod_manifest(name, node=node, listens=listens, labels=labels, spec=spec))
        return self.ready_pod(made["metadata"]["name"])

    def ready_pod(self, name: str) -> Pod:
        """The pod of that name in the test's namespace, once it is Ready."""

        def is_ready() -> Json | None:
            pod = self.api.get(PODS, name, self.namespace)
            conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions") or ()}
            assert conditions.get("Ready") == "True", _story(pod)
            return pod

        pod = until(is_ready, READY_S, what=f"pod {self.namespace}/{name} is Ready")
        assert pod is not None
        meta = pod["metadata"]
        return Pod(
            name,
            str(NamespaceName.of_pod(self.name, self.namespace, name, meta["uid"])),
            by_family([entry["ip"] for entry in pod["status"]["podIPs"]]),
            namespace=self.namespace,
            node=pod["spec"]["nodeName"],
            uid=meta["uid"],
            labels=meta.get("labels") or {},
            object=pod,
        )

    def service(
        self,
        name: str,
        *,
        to: Pod | Mapping[str, str] | None,
        port: int | str | Sequence[int | str] = 80,
        target: int | str | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> Service:
        """A Service whose ready endpoints are in every node's kernel.

        to: a pod, or labels; None for one without selector. port: ``80`` or ``"53/UDP"``, the first is
        the one of ``url``. target: of each port, else the port itself.
        """
        manifest = service_manifest(name, to=to, port=port, target=target, spec=spec)
        if len(self.families) > 1:
            manifest["spec"].setdefault("ipFamilyPolicy", "PreferDualStack")
        made = self.create(manifest)
        body = made["spec"]
        addresses = [ip for ip in body.get("clusterIPs") or [] if ip != "None"]
        service = Service(
            name,
            self.namespace,
            by_family(addresses),
            int(body["ports"][0]["port"]),
            body["ports"][0].get("nodePort"),
            made,
        )
        if isinstance(to, Pod):
            until(lambda: self.endpoints(name), READY_S, what=f"Service {name} has an endpoint")
            self.until_programmed(service)
        return service

    def endpoints(self, service: str) -> list[str]:
        """Addresses of a Service's ready endpoints, both families, sorted."""
        slices = self.api.list(
            ENDPOINTSLICES, self.namespace, labelSelector=f"kubernetes.io/service-name={service}"
        )
        return sorted(
            address
            for one in slices
            for endpoint in one.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready", True)
            for address in endpoint["addresses"]
        )

    def until_programmed(self, service: Service) -> None:
        """Returns once each node's kernel holds all of the Service's ready endpoints, in each family."""

        def all_there() -> bool:
            endpoints = self.endpoints(service.name)
            for node in self.nodes:
                text = node.nft("inet podwire-services")
                for address in (*map(str, service.ip.values()), *endpoints):
                    assert address in text, f"{node.name} does not know {address} yet"
            return True

        until(all_there, READY_S, what=f"Service {service.name} is in every kernel")

    def policy(self, name: str, **spec: Any) -> Json:
        """A NetworkPolicy in the test's namespace; spec: podSelector (all pods), policyTypes, ingress, egress.

        Not waited for: ask for what it does with ``until``.
        """
        return self.create(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": name},
                "spec": {"podSelector": {}, **spec},
            }
        )

    def watch(self, *places: Interface | Place) -> AbstractContextManager[wire.Wire]:
        """Capture at these interfaces for the block; a place means its eth0."""
        return wire.watching(*(each.eth0 if isinstance(each, Place) else each for each in places))

    def trace(
        self,
        source: Place | str,
        to: Place | Service | str,
        port: int | None = None,
        *,
        kernel: DropWatch | None = None,
        **packet: Any,
    ) -> TraceReport:
        """One packet from a place, followed as `podwire trace` does; compare it with ``delivered()``, ``lost_by(…)``.

        to: a pod, node or Service, or what `podwire trace` takes. kernel: says where and why it dies, where eBPF is.
        packet: protocol, family, ttl, size_bytes, timeout_s. Raises NoSuchPlace, UsageError.
        """
        follow = Follow(self.directory, self.namespace)
        asked = Question(follow.aim(to, port), **packet)
        return aside(lambda: follow.trace(source, asked, kernel))

    def until(self, condition: Callable[[], T], within_s: float = 10.0, *, what: str = "") -> T:
        """The condition's first true value, within so many seconds."""
        return until(condition, within_s, what=what)

    def kubectl(self, *words: str, stdin: str | None = None, timeout_s: float = 60.0) -> str:
        """What kubectl prints, in the test's namespace; CalledProcessError when it fails."""
        environment = {**os.environ, "KUBECONFIG": str(self.directory.kubeconfig)}
        command = [str(kubectl.find()), "--namespace", self.namespace, *words]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environment,
            check=False,
        )
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def logs(self, component: str) -> str:
        """A component's log: ``api``, ``controllers``, ``agents-node-1``, ``supervisor``."""
        return Path(self.directory.logs / f"{component}.log").read_text(errors="replace")

    def leave(self) -> None:
        """Delete the test's namespace and what it applied elsewhere, without waiting for it to be gone."""
        for resource, name, where in reversed(self._elsewhere):
            self.api.delete(resource, name, where if resource.namespaced else None)
        self.api.delete(NAMESPACES, self.namespace)


def _story(pod: Json) -> str:
    """Why a pod is not Ready, as far as its status tells."""
    status = pod.get("status") or {}
    waiting = [
        f"{one['name']}: {state.get('reason')} {state.get('message', '')}"
        for one in status.get("containerStatuses") or ()
        for state in (one.get("state") or {}).values()
    ]
    where = pod["spec"].get("nodeName", "no node")
    return f"{status.get('phase', 'no phase')} on {where}; {'; '.join(waiting)}"
