"""Nodes come and go in a running lab."""

import asyncio
import os
import shutil
import signal
from collections.abc import Set
from dataclasses import replace

from control.client.client import ApiClient
from control.client.resources import LEASES, NODES, PODS
from control.errors import NodeInvalid, NotFound, NotReady
from control.lab import fault_book
from control.lab.credentials import ensure_credentials
from control.lab.directory import LabDirectory
from control.lab.plan import LabPlan, make_plan
from control.lab.ready import loopback_tls
from control.lab.spec import FIRST_NODE, NODE_NAME, LabSpec, NodeSpec, is_place
from control.lab.spec_json import as_json
from control.lab.supervisor import ask
from control.names import NODE_LEASE_NAMESPACE
from dataplane.fabric import build
from dataplane.host.cgroup import LabCgroup
from dataplane.netns import create, sweep
from dataplane.netns.names import FABRIC, INTERNET, NamespaceName, place_of
from dataplane.patience import patient

GONE_S = 60.0


def with_node(spec: LabSpec, name: str, labels: tuple[tuple[str, str], ...]) -> LabSpec:
    """The spec with one worker more, on the lowest free number. Raises NodeInvalid."""
    if not NODE_NAME.fullmatch(name) or is_place(name):
        raise NodeInvalid(f"{name!r} can't name a node.", "small letters, digits and hyphens: node-3")
    if any(node.name == name for node in spec.nodes):
        raise NodeInvalid(f"There is a node {name} already.", "another name")
    taken = {node.number for node in spec.nodes}
    number = next(n for n in range(len(taken) + 1) if n not in taken)
    if any(FIRST_NODE + number + 2 > network.num_addresses for network in spec.node_cidrs):
        raise NodeInvalid("The nodes' range is full.", "a larger cidrs.nodes in lab.yaml")
    return replace(spec, nodes=(*spec.nodes, NodeSpec(name, number, labels=labels)))


def without_node(spec: LabSpec, name: str) -> LabSpec:
    """The spec without a worker. Raises NodeInvalid."""
    node = next((node for node in spec.nodes if node.name == name), None)
    if node is None:
        there = ", ".join(node.name for node in spec.nodes if not node.control)
        raise NodeInvalid(f"There is no node {name} (workers: {there}).", "podwire status")
    if node.control:
        raise NodeInvalid(f"{name} is the control plane; it goes with the lab.", "sudo podwire down")
    faults = tuple(fault for fault in spec.faults if not {name, f"agents-{name}"} & {*fault.places})
    return replace(spec, nodes=tuple(each for each in spec.nodes if each.name != name), faults=faults)


def add(plan: LabPlan, directory: LabDirectory, api_port: int, spec: LabSpec) -> LabPlan:
    """Make the node that ``spec`` has more: credentials, wires, agents; the lab's plan from now on.

    Written down before it is made: whoever is killed in between leaves what `up` completes.
    """
    grown = make_plan(plan.name, spec, ipv6=len(plan.families) > 1)
    ensure_credentials(grown, directory, api_port)
    _write(directory, spec, leaving=set(leaving(directory)))
    build.build(grown.fabric)
    _tell_supervisor(directory)
    return grown


def complete(plan: LabPlan, directory: LabDirectory) -> None:
    """Finish what a killed `node add` or `node remove` began: wires and agents are those of ``plan``, no others."""
    places = {FABRIC, INTERNET, *(node.name for node in plan.fabric.nodes)}
    _tell_supervisor(directory)
    for name in sweep.of_lab(plan.name):
        place = str(place_of(name))
        if place not in places and not place.startswith("pod-"):
            LabCgroup(plan.name).remove_below(f"nodes/{place}")
            create.delete(name)
    build.build(plan.fabric)


async def remove(
    client: ApiClient, plan: LabPlan, directory: LabDirectory, spec: LabSpec, name: str
) -> LabPlan:
    """Take a node out: its pods are deleted with their grace, then agents, objects, wires and files go.

    Nothing of it stays in any other node's kernel.
    """
    await asyncio.to_thread(fault_book.forget, directory, name)  # its kubelet is to let its pods go
    await client.patch(NODES, name, None, {"spec": {"unschedulable": True}})
    await _delete_pods(client, name)
    _write(directory, spec, leaving={*leaving(directory), name})
    shrunk = make_plan(plan.name, spec, ipv6=len(plan.families) > 1)
    await _forget(client, shrunk, directory, name)
    return shrunk


def leaving(directory: LabDirectory) -> tuple[str, ...]:
    """Nodes that the lab has no more, of which a `node remove` that was killed may have left something."""
    return tuple(directory.read().get("leaving") or ())


def finish_removals(plan: LabPlan, directory: LabDirectory, api_port: int) -> None:
    """Go on where a killed `node remove` stopped, if one did; ``plan`` is without those nodes."""
    names = leaving(directory)

    async def finish() -> None:
        url = f"https://127.0.0.1:{api_port}"
        async with ApiClient(url, loopback_tls(directory), user_agent="podwire") as client:
            for name in names:
                await _forget(client, plan, directory, name)

    if names:
        asyncio.run(finish())


async def _forget(client: ApiClient, plan: LabPlan, directory: LabDirectory, name: str) -> None:
    """What is left of a node that ``plan`` does not have: agents, kernel, objects, files; then the note of it."""
    _tell_supervisor(directory)
    await _agents_gone(directory, name)
    await asyncio.to_thread(fault_book.forget, directory, name)
    await asyncio.to_thread(_remove_from_kernel, plan, name)
    for resource, namespace in ((NODES, None), (LEASES, NODE_LEASE_NAMESPACE)):
        try:
            await client.delete(resource, name, namespace)
        except NotFound:
            continue
    shutil.rmtree(directory.node(name), ignore_errors=True)
    shutil.rmtree(directory.memory / name, ignore_errors=True)
    for path in directory.pki.glob(f"kubelet-{name}[.-]*"):
        if path.name.split(".")[0] in (f"kubelet-{name}", f"kubelet-{name}-serving"):
            path.unlink()
    _write(directory, plan.spec, leaving=set(leaving(directory)) - {name})


async def _agents_gone(directory: LabDirectory, node: str) -> None:
    """Return once the supervisor has ended the node's agents: until then they would register it again."""
    async with asyncio.timeout(patient(GONE_S)):
        while any(role["name"] == f"agents-{node}" for role in (ask(directory) or {"roles": []})["roles"]):
            await asyncio.sleep(0.02)


async def _delete_pods(client: ApiClient, node: str) -> None:
    """Delete a node's pods as a drain does, and wait until the kubelet has let them go."""
    selector = f"spec.nodeName={node}"
    for pod in (await client.list(PODS, field_selector=selector)).items:
        try:
            await client.delete(PODS, pod["metadata"]["name"], pod["metadata"]["namespace"])
        except NotFound:
            continue
    try:
        async with asyncio.timeout(patient(GONE_S)):
            while (await client.list(PODS, field_selector=selector)).items:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise NotReady(
            f"Pods of {node} are still there after {patient(GONE_S):g} s.",
            f"podwire kubectl get pods -A --field-selector {selector}",
        ) from None


def _remove_from_kernel(plan: LabPlan, name: str) -> None:
    """The node's processes, its namespace, and the ways to it from those that ``plan`` has."""
    LabCgroup(plan.name).remove_below(f"nodes/{name}")
    create.delete(str(NamespaceName(plan.name, name)))
    build.build(plan.fabric)


def _write(directory: LabDirectory, spec: LabSpec, *, leaving: Set[str] = frozenset()) -> None:
    """The lab's directory holds the new spec, and which nodes are about to be forgotten."""
    directory.write({**directory.read(), "spec": as_json(spec), "leaving": sorted(leaving)})


def _tell_supervisor(directory: LabDirectory) -> None:
    """The supervisor takes up the spec in the lab's directory."""
    report = ask(directory)
    if report is not None:
        os.kill(int(report["pid"]), signal.SIGHUP)
