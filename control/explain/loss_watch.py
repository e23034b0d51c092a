"""All drops of a lab as they happen: by the kernel's own word, or, without eBPF, by its counters."""

import os
import queue
import time
from collections.abc import Callable
from contextlib import ExitStack

from control.errors import NoSuchPlace
from control.explain.atlas import Atlas
from control.explain.causes import Cause, counted
from control.explain.losses import Judge, Loss
from control.explain.rule_witness import RuleWitness, cause_of_rule
from dataplane.ebpf.drops import DropWatch, KernelDrop
from dataplane.errors import NamespaceGone
from dataplane.netns import names, sweep
from dataplane.nft.handle import NftHandle
from dataplane.nft.tallies import RuleName, Tally
from dataplane.observe.counters import read_counters, rises

Gather = Callable[[], Atlas]
_MOST_PER_SECOND = 2_000
"""For each CPU: what a person or a pipe can take; the rest is counted."""
_LOOK_S, _STALE_S = 1.0, 2.0


def places_of(lab: str) -> dict[int, str]:
    """A lab's namespaces by inode."""
    found = {}
    for netns in sweep.of_lab(lab):
        try:
            found[os.stat(names.path(netns)).st_ino] = netns
        except FileNotFoundError:  # a pod that went meanwhile
            continue
    return found


class KernelLosses:
    """By the kernel's word, packet by packet. watch: runs already. gather: names, asked for again as they change."""

    def __init__(self, watch: DropWatch, lab: str, gather: Gather) -> None:
        self._watch, self._lab, self._gather = watch, lab, gather
        self._drops: queue.SimpleQueue[KernelDrop] = queue.SimpleQueue()
        self._places = places_of(lab)
        self._known = dict(self._places)  # and those that are gone, for what they lost before
        self._witness = RuleWitness(self._known)
        self._judge = Judge(gather(), self._known, self._witness)
        self._looked = self._gathered = time.monotonic()
        self._trusts = True  # asking again may explain what nothing that we know does
        watch.heard = self._drops.put
        watch.at_most(_MOST_PER_SECOND)
        watch.follow(self._places)
        watch.flush()

    def take(self, wait_s: float) -> list[Loss]:
        """What was dropped since the last call; waits so long for the first."""
        self._look()
        try:
            drops = [self._drops.get(timeout=wait_s)]
        except queue.Empty:
            return []
        while not self._drops.empty():
            drops.append(self._drops.get())
        age_s = time.monotonic() - self._gathered
        if age_s > _STALE_S:
            self._name_anew()
        self._witness.begin()
        losses = [self._judge.loss(drop) for drop in drops]
        if self._trusts and any(loss.cause is Cause.FOREIGN_RULE for loss in losses):
            # A policy that is newer than our names: its write came before its first drop.
            self._name_anew()
            losses = [self._judge.loss(drop) for drop in drops]
            self._trusts = all(loss.cause is not Cause.FOREIGN_RULE for loss in losses)
        elif age_s > _STALE_S:
            self._trusts = True
        return losses

    def finish(self) -> list[Loss]:
        """What was dropped until now and not yet taken."""
        self._watch.flush()
        return self.take(0)

    @property
    def missed(self) -> dict[str, int]:
        """Packets that were dropped and not told of one by one, by place."""
        atlas = self._judge.atlas
        return {atlas.place(self._known[i]): n for i, n in self._watch.missed.items() if i in self._known}

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return self._watch.ended

    def _look(self) -> None:
        """Namespaces that came and went, once a second."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        now = places_of(self._lab)
        if now.keys() != self._places.keys():
            self._watch.leave(self._places.keys() - now.keys())
            self._watch.follow(now.keys() - self._places.keys())
            self._places = now
            self._known |= now
            self._name_anew()

    def _name_anew(self) -> None:
        try:
            self._judge = Judge(self._gather(), self._known, self._witness)
        except NoSuchPlace:  # the API is away: the names that we have stay
            pass
        self._gathered = time.monotonic()


class CountedLosses:
    """By counters of rules and of each namespace's stack, read again and again: how many and why, not who."""

    def __init__(self, lab: str, gather: Gather) -> None:
        self._lab, self._gather = lab, gather
        self._atlas = gather()
        self.missed: dict[str, int] = {}
        self.ended = False
        self._handles: dict[str, NftHandle] = {}
        self._stack = ExitStack()
        self._rules: dict[str, dict[RuleName, Tally]] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._poll()

    def close(self) -> None:
        """Let the sockets go."""
        self._stack.close()

    def take(self, wait_s: float) -> list[Loss]:
        """What was counted since the last call, after a wait."""
        time.sleep(wait_s)
        return self._poll()

    def finish(self) -> list[Loss]:
        """What was counted until now."""
        return self._poll()

    def _poll(self) -> list[Loss]:
        found = []
        present = set(sweep.of_lab(self._lab))
        if present - self._counts.keys() and self._counts:
            self._atlas = self._gather()
        for netns in sorted(present):
            try:
                found += self._of(netns)
            except NamespaceGone:
                continue
        return found

    def _of(self, netns: str) -> list[Loss]:
        if netns not in self._handles:
            self._handles[netns] = self._stack.enter_context(NftHandle(netns))
        rules, counts = self._handles[netns].tallies(), read_counters(netns)
        before_rules, before = self._rules.get(netns), self._counts.get(netns)
        self._rules[netns], self._counts[netns] = rules, counts
        if before_rules is None or before is None:
            return []
        found = []
        for name, tally in rules.items():
            grown = tally.packets - (before_rules[name].packets if name in before_rules else 0)
            if grown > 0:
                found.append(self._by_rule(netns, name, tally, grown))
        for count, grown in rises(before, counts).items():
            explained = counted({count: grown})
            if explained is not None:
                place, (cause, said) = self._atlas.place(netns), explained
                found.append(Loss(time.time_ns(), place, "", cause, said, count, packets=grown))
        return found

    def _by_rule(self, netns: str, name: RuleName, tally: Tally, grown: int) -> Loss:
        family, table, chain, handle = name
        kernel = f"{family} {table}, chain {chain}, handle {handle}"
        told = cause_of_rule(name, tally)
        if told is not None:
            cause = told[0]
        elif table == "podwire-services":
            cause = Cause.LOCAL_ONLY
        else:
            cause = Cause.NOT_KNOWN_YET if chain == "unknown" else Cause.POLICY
        obj = tally.comment.partition(": ")[2] if cause is Cause.POLICY else ""
        said = tally.comment or "dropped by a rule"
        place = self._atlas.place(netns)
        return Loss(time.time_ns(), place, "", cause, said, kernel, obj=obj, packets=grown)
