"""WHERE of a capture: ``shop/web-1``, ``node-1``, ``node-1/cni0``, ``fabric/node-2``, ``internet``, ``node-1/*``."""

import socket
from collections.abc import Iterator, Sequence

from control.errors import NoSuchPlace
from control.explain.atlas import Atlas
from control.explain.pods import pods_named
from dataplane.netns.enter import run_inside
from dataplane.netns.names import FABRIC, INTERNET
from dataplane.observe.recorder import Spot

_ETH0 = "eth0"


def spots_of(atlas: Atlas, texts: Sequence[str], namespace: str = "default") -> list[Spot]:
    """The links that these places mean, each once. A place alone is its eth0 (the fabric: all its ports).

    Raises NoSuchPlace for what is not there.
    """
    found: dict[tuple[str, str], Spot] = {}
    for text in texts:
        for spot in _spots(atlas, text, namespace):
            found.setdefault((spot.netns, spot.link), spot)
    return list(found.values())


def _spots(atlas: Atlas, text: str, namespace: str) -> Iterator[Spot]:
    head, _, link = text.partition("/")
    node = next((n for n in atlas.plan.fabric.nodes if n.name == head.removeprefix("node/")), None)
    if text.startswith("node/"):
        head, _, link = text.removeprefix("node/").partition("/")
        node = next((n for n in atlas.plan.fabric.nodes if n.name == head), None)
        if node is None:
            raise _nobody(atlas, text)
    if node is not None:
        yield from _links(atlas, node.netns, head, link or _ETH0, f"node {node.name}")
    elif head == INTERNET:
        yield from _links(atlas, atlas.plan.fabric.internet.netns, INTERNET, link or _ETH0, "the internet")
    elif head == FABRIC:
        yield from _links(atlas, atlas.plan.fabric.netns, FABRIC, link or "*", "the fabric between nodes")
    else:
        found = pods_named(atlas, text, namespace)
        pods = [pod for pod in found if not pod.host_network]
        if found and not pods:
            raise NoSuchPlace(
                f"Pod {found[0].key} is on its node's network.", f"podwire capture {found[0].node}"
            )
        if not pods:
            raise _nobody(atlas, text)
        for pod in pods:
            said = f"pod {pod.key} on {pod.node}"
            yield from _links(atlas, atlas.pod_netns(pod), pod.key, _ETH0, said)


def _links(atlas: Atlas, netns: str, place: str, link: str, said: str) -> Iterator[Spot]:
    there = [name for _, name in run_inside(netns, socket.if_nameindex)]
    wanted = [name for name in there if name != "lo"] if link == "*" else [link]
    for name in wanted:
        if name not in there:
            raise NoSuchPlace(
                f"{place} has no link {name!r}: it has {', '.join(there)}.", f"sudo podwire look {place}"
            )
        shown = atlas.link(netns, name)
        yield Spot(netns, name, f"{place}:{name}", f"{shown} of {said}" if shown != name else said)


def _nobody(atlas: Atlas, text: str) -> NoSuchPlace:
    nodes = ", ".join(node.name for node in atlas.plan.fabric.nodes)
    return NoSuchPlace(
        f"No place {text!r} in lab {atlas.plan.name}: NAMESPACE/POD, NAMESPACE/*, deploy/NAME, a node ({nodes}) or "
        "NODE/LINK, fabric, internet.",
        "podwire kubectl get pods -A",
    )
