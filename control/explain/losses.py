"""One drop in a person's words: where, why, from whom to whom, and the Kubernetes object that decided."""

from dataclasses import dataclass

from control.explain.atlas import Atlas
from control.explain.causes import Cause, is_ordinary, meaning
from control.explain.glance import Glance, Namer, glance
from control.explain.rule_witness import RuleWitness
from dataplane.ebpf.drops import KernelDrop
from dataplane.observe.journey import Ends
from policy.oracle.flow import Flow
from policy.oracle.verdict import verdict

_NO_MACS = bytes(12)
_TCP, _SYN = 6, "S"
_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}


@dataclass(frozen=True, slots=True)
class Loss:
    """Packets that were dropped for one reason at one place. packets: 1, but where only counters tell.

    place, link: where. source, target: who sent it, whom it was to reach (with the port); "" where only counters
    tell. obj: the API object that decided, "" for none. kernel: its own words. ordinary: nobody misses it.
    """

    time_ns: int
    place: str
    link: str
    cause: Cause
    said: str
    kernel: str
    source: str = ""
    target: str = ""
    obj: str = ""
    seen: Glance | None = None
    packets: int = 1
    ordinary: bool = False


class Judge:
    """Drops as losses, with the names that the cluster has at this moment. places: namespaces by inode.

    witness: tells which rules have dropped something, for what is unexplained.
    """

    def __init__(self, atlas: Atlas, places: dict[int, str], witness: RuleWitness | None = None) -> None:
        self._witness = witness
        self.atlas = atlas
        self._netns = places
        self._namer = Namer(atlas)
        self._places: dict[int, str] = {}

    def loss(self, drop: KernelDrop) -> Loss:
        """The kernel's word on one packet, explained."""
        kind = b"\x08\x00" if drop.packet[0] >> 4 == 4 else b"\x86\xdd"
        seen = glance(_NO_MACS + kind + drop.packet)
        ends = seen.ends if seen is not None else None
        cause, said = meaning(drop.reason, drop.where, ttl=ends.ttl if ends is not None else None)
        obj = ""
        if ends is not None and drop.reason == "NETFILTER_DROP":
            cause, said, obj = self._filtered(
                drop.netns, ends, seen.flags if seen is not None and ends.protocol == _TCP else ""
            )
        elif ends is not None and cause is Cause.NO_LISTENER and ends.protocol == _TCP:
            said = f"{said}: refused by a reset (RST)"
        return Loss(
            drop.time_ns, self._place(drop.netns), drop.link, cause, said, f"{drop.reason} in {drop.where}",
            self._namer.end(ends.source, 0) if ends is not None else "",
            self._namer.end(ends.destination, _port(ends)) if ends is not None else "",
            obj, seen, ordinary=is_ordinary(drop.reason),
        )  # fmt: skip

    def _place(self, inode: int) -> str:
        if inode not in self._places:
            netns = self._netns.get(inode, "")
            self._places[inode] = self.atlas.place(netns) if netns else f"a namespace that is gone ({inode})"
        return self._places[inode]

    def _filtered(self, inode: int, ends: Ends, flags: str) -> tuple[Cause, str, str]:
        """Which packet filter: the kernel does not say, so what Services and policies say of the packet does."""
        view = self.atlas.service_port(ends.destination, ends.destination_port, ends.protocol)
        if view is not None:
            cause = Cause.LOCAL_ONLY if view.endpoints else Cause.NO_ENDPOINTS
            return cause, f"Service {view.service} has no endpoint for it", f"Service {view.service}"
        if self.atlas.in_service_range(ends.destination):
            who = self.atlas.who(ends.destination)
            if who:
                return Cause.UNDEFINED_PORT, f"{who} has no port {ends.destination_port}", who
            return Cause.UNALLOCATED, f"{ends.destination} belongs to no Service", ""
        denied = self._denied(ends)
        if denied is not None:
            begins = flags in ("", _SYN) or self._denied(_reversed(ends)) is not None
            return (
                denied if begins else (Cause.INVALID, "conntrack knows no connection that it belongs to", "")
            )
        if self._is_lost_pod(ends):
            return Cause.NOT_KNOWN_YET, "no pod has that address", ""
        told = self._witness.cause(inode) if self._witness is not None else None
        cause, said = told or (Cause.FOREIGN_RULE, "a packet filter dropped it, and the policies allow it")
        return cause, said, ""

    def _denied(self, ends: Ends) -> tuple[Cause, str, str] | None:
        """What the policies say of it, when they deny it."""
        world = self.atlas.view.world
        flow = Flow(
            world.owner(ends.source) or ends.source, world.owner(ends.destination) or ends.destination,
            ends.protocol, ends.destination_port, ends.source, ends.destination,
        )  # fmt: skip
        said = verdict(world, self.atlas.view.policies, flow)
        if said.allowed:
            return None
        names = ", ".join(origin.comment() for origin in said.reason.isolated_by)
        return Cause.POLICY, said.reason.text, names

    def _is_lost_pod(self, ends: Ends) -> bool:
        cidrs = [cidr for node in self.atlas.plan.fabric.nodes for cidr in node.pod_cidrs]
        inside = any(ends.destination in cidr for cidr in cidrs if cidr.version == ends.destination.version)
        return inside and not self.atlas.who(ends.destination)


def _reversed(ends: Ends) -> Ends:
    return Ends(
        ends.destination, ends.destination_port, ends.source, ends.source_port, ends.protocol, ends.ttl
    )


def _port(ends: Ends) -> int:
    return ends.destination_port if ends.protocol not in (1, 58) else 0


def protocol_name(protocol: int) -> str:
    """``tcp`` for 6."""
    return _NAMES.get(protocol, str(protocol))
