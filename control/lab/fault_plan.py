"""Which acts make a fault: the links, addresses, cgroups and processes behind its places."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from control.errors import FaultInvalid, NoSuchPlace
from control.lab.directory import LabDirectory
from control.lab.fault import Fault
from control.lab.places import Place, find_place
from control.lab.plan import LabPlan
from control.lab.supervisor import ask
from dataplane.faults.act import Act, AddressDrop, Frozen, Halted, LinkDown, PortDrop, Shaped
from dataplane.faults.halt import born
from dataplane.host.cgroup import LabCgroup
from dataplane.model.address import IPNetwork
from dataplane.model.topology import pod_link_name
from dataplane.netns.names import FABRIC, INTERNET

_UPLINK = "eth0"
_EVERYTHING = 100.0


@dataclass(frozen=True, slots=True)
class Ground:
    """The lab that faults are made in. port: of its API on loopback."""

    plan: LabPlan
    directory: LabDirectory
    port: int

    def place(self, text: str) -> Place:
        """A node, a pod or the internet. Raises NoSuchPlace; FaultInvalid for what has no cable of its own."""
        place = find_place(self.plan, self.directory, self.port, text)
        if place.kind == FABRIC:
            raise FaultInvalid(
                "The fabric is where all cables meet: it has none of its own.",
                "a node, a pod or internet; or two of them",
            )
        if place.kind == "node" and place.pod is not None:
            raise FaultInvalid(f"{text} uses the network of its node.", f"{place.name} in its place")
        return place

    def roles(self) -> dict[str, int]:
        """Processes of the lab that run, by name: their pids."""
        report = ask(self.directory)
        return {role["name"]: role["pid"] for role in report["roles"] if role["pid"]} if report else {}


def acts_of(fault: Fault, ground: Ground, chain: str) -> tuple[Act, ...]:
    """What makes the fault. chain: begins the names of its nft chains. Raises NoSuchPlace, FaultInvalid."""
    if fault.kind == "pause":
        return (_pause(fault.places[0], ground),)
    places = [ground.place(text) for text in fault.places]
    if len(places) == 2:
        return (_between(places[0], places[1], fault, ground, chain),)
    place = places[0]
    netns, port = _port(place, ground)
    if fault.kind == "cut":
        # Links are put up by a kubelet that starts anew, and by `node add`: the rules hold all the same.
        return (PortDrop(netns, chain, ((port, ""), ("", port))), LinkDown(netns, port))
    if fault.kind == "lose":
        return (PortDrop(netns, chain, ((port, ""), ("", port)), fault.percent),)
    return tuple(
        Shaped(where, link, fault.rate_bit, fault.delay_ms, fault.jitter_ms)
        for where, link in ((netns, port), (place.netns, _UPLINK))
    )


def kill(text: str, ground: Ground) -> str:
    """SIGKILL to a role, or to all processes of a pod; what was killed, for a sentence. Raises NoSuchPlace."""
    roles = ground.roles()
    if text in roles:
        os.kill(roles[text], signal.SIGKILL)
        return f"{text} (pid {roles[text]}); the supervisor starts it again"
    place = _pod_or_role(text, ground, roles)
    group = _pod_group(place, ground)
    inside = LabCgroup(ground.plan.name)
    inside.path = group
    count = len(inside.pids())
    inside.kill()
    return f"{place.name}: {count} processes; its kubelet does what restartPolicy says"


def _pause(text: str, ground: Ground) -> Act:
    roles = ground.roles()
    if text in roles:
        return Halted(roles[text], born(roles[text]))
    if any(node.name == text.removeprefix("node/") for node in ground.plan.fabric.nodes):
        group = LabCgroup(ground.plan.name).path / "nodes" / text.removeprefix("node/")
        return Frozen(str(group))
    return Frozen(str(_pod_group(_pod_or_role(text, ground, roles), ground)))


def _pod_or_role(text: str, ground: Ground, roles: Mapping[str, int]) -> Place:
    """A pod; NoSuchPlace tells of the roles, too."""
    known = f"roles are {', '.join(sorted(roles))}"
    try:
        place = find_place(ground.plan, ground.directory, ground.port, text)
    except NoSuchPlace as error:
        raise NoSuchPlace(f"{error.what.rstrip('.')}; {known}.", error.mend) from error
    if place.pod is None:
        raise FaultInvalid(
            f"{text} is no process: a pod or a role; {known}.", f"agents-{text} for its agents"
        )
    return place


def _pod_group(place: Place, ground: Ground) -> Path:
    pod: dict[str, Any] = place.pod or {}
    return LabCgroup(ground.plan.name).path / "nodes" / place.node / str(pod["metadata"]["uid"])


def _port(place: Place, ground: Ground) -> tuple[str, str]:
    """The bridge's end of a place's cable: its namespace and name."""
    fabric = ground.plan.fabric
    if place.kind == INTERNET:
        return fabric.netns, fabric.internet.cable
    node = fabric.node(place.node or place.name)
    if place.kind == "node":
        return fabric.netns, node.cable
    assert place.pod is not None
    return node.netns, pod_link_name(place.pod["metadata"]["uid"])


def _between(one: Place, other: Place, fault: Fault, ground: Ground, chain: str) -> Act:
    percent = fault.percent if fault.kind == "lose" else _EVERYTHING
    pod = next((place for place in (one, other) if place.kind == "pod"), None)
    if pod is None:
        netns, a = _port(one, ground)
        b = _port(other, ground)[1]
        return PortDrop(netns, chain, ((a, b), (b, a)), percent)
    here, there = _networks(one, ground), _networks(other, ground)
    pairs = tuple(pair for a in here for b in there if a.version == b.version for pair in ((a, b), (b, a)))
    # One node sees all packets of a pod: rules at both would lose twice as many.
    return AddressDrop(ground.plan.fabric.node(pod.node).netns, chain, pairs, percent)


def _networks(place: Place, ground: Ground) -> list[IPNetwork]:
    """All addresses that a place's packets may have, as networks."""
    fabric = ground.plan.fabric
    if place.kind == "pod":
        assert place.pod is not None
        texts = [entry["ip"] for entry in place.pod["status"].get("podIPs") or ()]
        return [ip_network(ip_address(text)) for text in texts]
    if place.kind == INTERNET:
        return [*(ip_network(address) for address in fabric.internet.addresses), *fabric.internet.ranges]
    node = fabric.node(place.name)
    addresses = [*node.addresses, *(gateway.ip for gateway in node.gateways), *(c[0] for c in node.pod_cidrs)]
    return [ip_network(address) for address in addresses]
