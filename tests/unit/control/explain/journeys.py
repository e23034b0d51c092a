"""Journeys made by hand: what a packet from web to a place of the atlas might have shown."""

from ipaddress import ip_address

from control.explain.aim import Asker, aim_at
from control.explain.cause import Fate, fate_of
from dataplane.netns.names import NamespaceName
from dataplane.nft.events import TraceEvent, TraceKind
from dataplane.nft.ruleset import Chain, Rule
from dataplane.nft.statement import DROP, Statement, Verdict
from dataplane.observe.dissect import Packet
from dataplane.observe.journey import Course, Death, Ends, Journey, Judgement, Sighting, Step
from dataplane.observe.rulesets import Chains

WEB, DB = ip_address("10.244.1.2"), ip_address("10.244.2.3")
WEB_NETNS, DB_NETNS = (str(NamespaceName.of_pod("t", "shop", name, name)) for name in ("web", "db"))
NODE, FAR_NODE = "podwire-t-node-1", "podwire-t-node-2"
PORT = 61_234


def seen(
    time_us: int, netns: str, way: str, to: str = "10.244.2.3", port: int = 8080, *, link: str = "eth0",
    strange: bool = False, next_hop: str = "",
) -> Sighting:  # fmt: skip
    """The request at a link."""
    packet = Packet(WEB, ip_address(to), "tcp", 64, 40, PORT, port, "S")
    out = way == "out"
    return Sighting(time_us * 1000, netns, link, out, Course.REQUEST, packet, None, next_hop, strange)


def answer(time_us: int, netns: str, way: str, flags: str = "SA") -> Sighting:
    """The reply at a link."""
    packet = Packet(DB, WEB, "tcp", 64, 40, 8080, PORT, flags)
    return Sighting(time_us * 1000, netns, "eth0", way == "out", Course.REPLY, packet)


def error(time_us: int, netns: str, kind: int, code: int, protocol: str = "icmp") -> Sighting:
    """An ICMP error about the request, on its way out."""
    packet = Packet(ip_address("10.244.1.1"), WEB, protocol, 64, 60, icmp_type=kind, icmp_code=code)
    return Sighting(time_us * 1000, netns, "cni0", True, Course.ERROR, packet)


def judged(
    netns: str, table: str, chain: str, handle: int, verdict: Verdict = DROP, *, hook: str = "forward",
    to: str = "10.244.2.3", port: int = 8080, protocol: int = 6,
) -> Judgement:  # fmt: skip
    """A rule that matched the request."""
    event = TraceEvent("inet", table, chain, handle, TraceKind.RULE, verdict, 1, 0, 0)
    ends = Ends(WEB, PORT if port else 0, ip_address(to), port, protocol, 64)
    return Judgement(netns, Course.REQUEST, event, hook, ends)


def death(time_us: int, netns: str, reason: str, where: str, *, link: str = "", ttl: int = 64) -> Death:
    """The kernel gave the request up."""
    return Death(time_us * 1000, netns, link, Course.REQUEST, reason, where, ttl)


def chains(table: str, chain: str, *rules: tuple[tuple[Statement, ...], str]) -> Chains:
    """A chain whose rules have the handles 1, 2, …; of each its statements and its comment."""
    made = tuple(
        Rule(statements, comment, handle) for handle, (statements, comment) in enumerate(rules, start=1)
    )
    return Chains({("inet", table, chain): Chain(chain, made)})


def journey(*steps: Step, **more: object) -> Journey:
    """In the order given; rulesets of all namespaces are empty unless told."""
    rulesets = dict.fromkeys({step.netns for step in steps}, Chains({}))
    rulesets |= more.pop("rulesets", {})  # type: ignore[arg-type]
    return Journey(steps, 0, rulesets=rulesets, **more)  # type: ignore[arg-type]


def fate(atlas, *steps: Step, to: str = "db", protocol: str = "tcp", **more: object) -> Fate:  # type: ignore[no-untyped-def]
    """What became of the request on that journey."""
    aim = aim_at(atlas, to, Asker(protocol, namespace="shop"))
    return fate_of(journey(*steps, **more), atlas, aim, "shop/web")
