"""Sends one known packet and observes it everywhere: at each link, in each ruleset, and where it died.

Nothing is predicted and nothing sampled. Links are seen by packet sockets, rules by nf_tables' own trace
events, deaths by the kernel's ``kfree_skb`` tracepoint where it can be used. All of it is gone at the end,
after kill -9 too: every part belongs to a socket or a process of this call.
"""

import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from dataplane.ebpf.drops import DropWatch, KernelDrop
from dataplane.model.address import Family, IPAddress
from dataplane.netns import names
from dataplane.netns.enter import run_inside
from dataplane.nft.events import TraceEvent, TraceSocket
from dataplane.nft.handle import NftHandle
from dataplane.observe.counters import read_counters, rises
from dataplane.observe.follow import Follower
from dataplane.observe.journey import Course, Death, Journey, Judgement, Sighting, merge
from dataplane.observe.marking import PREFIX, Mark, marked
from dataplane.observe.rulesets import Chains, read_chains
from dataplane.observe.taps import Frame, Taps, tapped

_ETHERNET = bytes(12)
"""MAC addresses that nobody reads, before a packet that is told of from its IP header on."""
_NEVER_THERE = ("NO_SOCKET", "NOT_SPECIFIED")
"""How an answer ends at its sender's: the kernel there knows of no such connection, since the packet was made by hand."""
_COPY = "OTHERHOST"
_SETTLE_S, _AFTER_DROP_S = 0.03, 0.15
"""Events of rules come up to a millisecond late; a refusal follows its drop at once."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What to send. netns: of the sender. packet: from its IP header on. to: where the stack is told to send."""

    netns: str
    mark: Mark
    packet: bytes
    to: IPAddress


@dataclass(slots=True)
class _Seen:
    """What has come so far; written by the readers' threads, read by the waiting one."""

    sender: str
    sightings: list[Sighting] = field(default_factory=list)
    events: list[tuple[str, TraceEvent]] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    answered: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def saw(self, sighting: Sighting) -> None:
        """A sighting; an answer that reaches the sender ends the wait."""
        self.sightings.append(sighting)
        home = sighting.netns == self.sender and not sighting.outgoing
        if home and sighting.course is not Course.REQUEST:
            self.answered.set()
            self.ended.set()

    def died(self, death: Death) -> None:
        """The kernel gave it up; that ends the wait, unless it was a copy for somebody else."""
        answer = death.course is not Course.REQUEST
        if answer and death.netns == self.sender and death.reason in _NEVER_THERE:
            return
        self.deaths.append(death)
        if not answer and death.reason != _COPY:
            self.ended.set()

    def judged(self, netns: str, event: TraceEvent) -> None:
        """An event; a drop ends the wait."""
        self.events.append((netns, event))
        if event.drops:
            self.ended.set()


def trace(
    sending: Sending, namespaces: tuple[str, ...], timeout_s: float = 2.0, kernel: DropWatch | None = None
) -> Journey:
    """Send the packet and follow it through these namespaces until it is answered or lost, or time is up.

    namespaces: all in which it may be seen; the sender's among them. kernel: tells where it dies; may be starting
    yet, and may turn out to be impossible. Raises NamespaceGone, NotSupported,
    RulesetError.
    """
    follower, seen = Follower(sending.mark), _Seen(sending.netns)
    with ExitStack() as stack:
        handles = tuple(stack.enter_context(NftHandle(netns)) for netns in namespaces)
        listening = [TraceSocket(netns) for netns in namespaces]
        for each in listening:
            stack.callback(each.close)
        stack.enter_context(_listening(listening, seen.judged))
        taps = stack.enter_context(tapped(namespaces, follower.wanted, _sighted(follower, seen)))
        chains = {netns: read_chains(handle) for netns, handle in zip(namespaces, handles, strict=True)}
        links = {netns: run_inside(netns, _links) for netns in namespaces}
        counts = {netns: read_counters(netns) for netns in namespaces}
        stack.enter_context(marked(handles, sending.mark))
        kernel = _deaths_heard(kernel, follower, seen, namespaces)
        sent_ns = time.time_ns()
        refused = run_inside(sending.netns, lambda: _send(sending))
        if not refused:
            seen.ended.wait(timeout_s)
            dropped = seen.ended.is_set() and not seen.answered.is_set()
            if dropped:
                seen.answered.wait(_AFTER_DROP_S)
        time.sleep(_SETTLE_S)
        unsure = kernel is not None and not kernel.flush()
        grown = {netns: rises(counts[netns], read_counters(netns)) for netns in namespaces}
    judgements = _judgements(follower, seen, chains, links)
    steps = merge(seen.sightings, judgements, seen.deaths)
    lost = (*_lost(taps, listening), *(("the kernel was slow to say what it dropped",) if unsure else ()))
    return Journey(steps, sent_ns, refused, lost, chains, {where: up for where, up in grown.items() if up})


def _deaths_heard(
    kernel: DropWatch | None, follower: Follower, seen: _Seen, namespaces: tuple[str, ...]
) -> DropWatch | None:
    """From now on deaths of the packet in these namespaces are heard; None where the kernel does not tell of them."""
    if kernel is None or kernel.why_missing():
        return None
    inodes = {os.stat(names.path(netns)).st_ino: netns for netns in namespaces}

    def heard(drop: KernelDrop) -> None:
        kind = b"\x08\x00" if drop.packet[0] >> 4 == 4 else b"\x86\xdd"
        data = _ETHERNET + kind + drop.packet
        netns = inodes[drop.netns]
        sighting = follower.sighting(Frame(drop.time_ns, netns, drop.link, False, False, data))
        if sighting is not None:
            course, ttl = sighting.course, sighting.packet.ttl
            seen.died(Death(drop.time_ns, netns, drop.link, course, drop.reason, drop.where, ttl))

    kernel.heard = heard
    kernel.follow(inodes)
    kernel.only(follower.mark.protocol, follower.mark.number)
    return kernel if kernel.flush() else None


def _sighted(follower: Follower, seen: _Seen) -> Callable[[Frame], None]:
    def heard(frame: Frame) -> None:
        sighting = follower.sighting(frame)
        if sighting is not None:
            seen.saw(sighting)

    return heard


@contextmanager
def _listening(sockets: list[TraceSocket], heard: Callable[[str, TraceEvent], None]) -> Iterator[None]:
    """Read all trace sockets in a thread for the block, and what is left at its end."""
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            selector.register(each.fileno(), selectors.EVENT_READ, each)
        ours, its = socket.socketpair()
        selector.register(its, selectors.EVENT_READ)

        def read() -> None:
            stopping = False
            while not stopping:
                for key, _ in selector.select():
                    stopping |= key.data is None
                for each in sockets:
                    for event in each.read():
                        heard(each.netns, event)

        reader = threading.Thread(target=read, name="podwire-nftrace", daemon=True)
        reader.start()
        try:
            yield
        finally:
            ours.close()
            reader.join()
            its.close()


def _links() -> dict[int, str]:
    """The links of the calling thread's namespace by index."""
    return dict(socket.if_nameindex())


def _send(sending: Sending) -> int:
    """Give the packet to the stack of the calling thread's namespace; errno when it does not take it."""
    family = socket.AF_INET if Family.of(sending.to) is Family.V4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW) as raw:
        try:
            raw.sendto(sending.packet, (str(sending.to), 0))
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def _judgements(
    follower: Follower, seen: _Seen, chains: dict[str, Chains], links: dict[str, dict[int, str]]
) -> list[tuple[Judgement, str]]:
    """Trace events of our packet, each with its base chain's hook and the link that it came in by."""
    found: list[tuple[Judgement, str]] = []
    # What the last headers said, by namespace and the kernel's number for the packet.
    current: dict[tuple[str, int], Judgement | None] = {}
    incoming: dict[tuple[str, int], str] = {}
    for netns, event in seen.events:
        key = netns, event.packet
        if event.network:
            current[key] = _headed(follower, seen, netns, event)
            incoming[key] = links[netns].get(event.incoming, "")
        base = current.get(key)
        if base is None or event.table.startswith(PREFIX):
            continue
        hook = chains[netns].hook(event.family, event.table, event.chain) or base.hook
        if hook != base.hook:
            base = Judgement(netns, base.course, event, hook, base.before, base.tunnel)
            current[key] = base
        judgement = Judgement(netns, base.course, event, hook, base.before, base.tunnel)
        found.append((judgement, incoming.get(key, "")))
    return found


def _headed(follower: Follower, seen: _Seen, netns: str, event: TraceEvent) -> Judgement | None:
    """A base chain's first event as the pattern for those after it; None for a packet that is not ours."""
    judged = follower.judged(event.network, event.transport)
    if judged is None:
        return None
    course, ends = judged
    if course is not None:
        return Judgement(netns, course, event, "", ends)
    for sighting in seen.sightings:
        outer = sighting.outer
        if outer is not None and (outer.source, outer.destination) == (ends.source, ends.destination):
            return Judgement(netns, sighting.course, event, "", ends, tunnel=True)
    return None


def _lost(taps: Taps, listening: list[TraceSocket]) -> Iterator[str]:
    for netns, count in taps.lost.items():
        yield f"{netns}: {count} frames found no room and were not looked at"
    for each in listening:
        if each.lost:
            yield f"{each.netns}: the kernel left trace events out"
