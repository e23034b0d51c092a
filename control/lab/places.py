"""Places of a lab by the names that people use: a node, ``internet``, ``NAMESPACE/POD``, ``deploy/NAME``, an address."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from control.errors import NoSuchPlace
from control.lab.directory import LabDirectory
from control.lab.plan import LabPlan
from control.lab.ready import loopback_tls
from dataplane.netns.names import FABRIC, INTERNET, NamespaceName
from dataplane.patience import patient


@dataclass(frozen=True, slots=True)
class Place:
    """A network namespace of a lab. kind: node, pod, internet or fabric. node: where a pod runs."""

    kind: str
    name: str
    netns: str
    node: str = ""
    pod: dict[str, Any] | None = None


def find_place(plan: LabPlan, directory: LabDirectory, port: int, text: str) -> Place:
    """The place that a person means; NoSuchPlace lists what there is."""
    text = text.removeprefix("node/")
    if text in (INTERNET, FABRIC):
        return Place(text, text, str(NamespaceName(plan.name, text)))
    for node in plan.fabric.nodes:
        if node.name == text or text in [str(address) for address in node.addresses]:
            return Place("node", node.name, node.netns, node.name)
    every = _pods(directory, port)
    pods = [pod for pod in every if _has_network(pod)]
    matching = sorted((pod for pod in every if text in _names(pod)), key=_preference)
    if matching and not _has_network(matching[0]):
        raise _no_network(matching[0])
    if not matching:
        prefix = text.split("/")[-1]
        near = [
            f"{p['metadata']['namespace']}/{p['metadata']['name']}"
            for p in pods
            if prefix in p["metadata"]["name"]
        ]
        nodes = ", ".join(node.name for node in plan.fabric.nodes)
        hint = f"; pods like it: {', '.join(sorted(near)[:4])}" if near else ""
        raise NoSuchPlace(
            f"No place {text!r} in lab {plan.name}: nodes are {nodes}, then internet, fabric, NAMESPACE/POD{hint}.",
            "podwire kubectl get pods -A",
        )
    pod = matching[0]
    meta, node_name = pod["metadata"], pod["spec"]["nodeName"]
    if pod["spec"].get("hostNetwork"):
        return Place("node", node_name, plan.fabric.node(node_name).netns, node_name, pod)
    netns = str(NamespaceName.of_pod(plan.name, meta["namespace"], meta["name"], meta["uid"]))
    return Place("pod", f"{meta['namespace']}/{meta['name']}", netns, node_name, pod)


def _has_network(pod: dict[str, Any]) -> bool:
    """It has an address, and has not ended: a pod that ended has given its namespace back."""
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")


def _preference(pod: dict[str, Any]) -> tuple[bool, bool, str]:
    """Of pods of one name: first those with a network, then those of namespace default."""
    namespace = pod["metadata"]["namespace"]
    return not _has_network(pod), namespace != "default", namespace


def _no_network(pod: dict[str, Any]) -> NoSuchPlace:
    meta, phase = pod["metadata"], (pod.get("status") or {}).get("phase") or "Pending"
    has = "has given its network back" if phase in ("Succeeded", "Failed") else "has no network yet"
    return NoSuchPlace(
        f"Pod {meta['namespace']}/{meta['name']} is {phase}: it {has}.",
        f"podwire kubectl -n {meta['namespace']} describe pod {meta['name']}",
    )


def _names(pod: dict[str, Any]) -> set[str]:
    """All that a person may call a pod; ``deploy/web`` is any pod whose ReplicaSet is web's."""
    meta = pod["metadata"]
    namespace, name = meta["namespace"], meta["name"]
    names = {f"{namespace}/{name}", name, f"pod/{name}"}
    if _has_network(pod) and not pod["spec"].get("hostNetwork"):
        names |= {each["ip"] for each in (pod.get("status") or {}).get("podIPs") or ()}
    for owner in meta.get("ownerReferences") or []:
        if owner.get("kind") == "ReplicaSet":
            deployment = owner["name"].rsplit("-", 1)[0]
            names |= {f"deploy/{deployment}", f"{namespace}/deploy/{deployment}", f"deployment/{deployment}"}
    return names


def _pods(directory: LabDirectory, port: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = get_json(directory, port, "/api/v1/pods").get("items") or []
    return items


def get_json(directory: LabDirectory, port: int, path: str) -> dict[str, Any]:
    """One GET on the API at loopback; NoSuchPlace when it does not answer."""
    try:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=loopback_tls(directory), timeout=patient(10.0)
        )
        connection.request("GET", quote(path, safe="/?=&%"))
        document: dict[str, Any] = json.load(connection.getresponse())
        connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoSuchPlace(
            f"The API of lab {directory.name} does not answer, so pods can't be found: {error}.",
            f"podwire status --name {directory.name}",
        ) from error
    return document
