"""Which rules have dropped packets since somebody last asked: for drops that no Service and no policy explains."""

from collections.abc import Mapping

from control.explain.causes import Cause
from dataplane.errors import KernelError
from dataplane.nft.handle import NftHandle
from dataplane.nft.tallies import RuleName, Tally

FAULTS = "podwire-fault"
"""The table of dataplane.faults."""


class RuleWitness:
    """Counters of the rules that drop, in some namespaces. places: by inode; those of nodes and the fabric count."""

    def __init__(self, places: Mapping[int, str]) -> None:
        self._places = places
        self._before: dict[int, dict[RuleName, Tally]] = {}
        self._grown: dict[int, dict[RuleName, Tally]] = {}
        for inode, netns in places.items():
            if "-pod-" not in netns:
                self._before[inode] = self._read(inode)

    def begin(self) -> None:
        """From now on what grew is read anew, once a namespace."""
        self._grown.clear()

    def cause(self, inode: int) -> tuple[Cause, str] | None:
        """The cause and its words of a rule there that has just dropped something; None for none that counts."""
        if inode not in self._grown:
            now, before = self._read(inode), self._before.get(inode, {})
            self._before[inode] = now
            self._grown[inode] = {
                name: tally
                for name, tally in now.items()
                if tally.packets > (before[name].packets if name in before else 0)
            }
        found = [each for name, tally in self._grown[inode].items() if (each := cause_of_rule(name, tally))]
        return min(found, key=lambda each: each[0] is Cause.FOREIGN_RULE, default=None)

    def _read(self, inode: int) -> dict[RuleName, Tally]:
        try:
            with NftHandle(self._places.get(inode, "")) as handle:
                return handle.tallies()
        except KernelError:  # a namespace that is gone
            return {}


def cause_of_rule(name: RuleName, tally: Tally) -> tuple[Cause, str] | None:
    """What a rule's drop means; None for policies and Services, which explain theirs by themselves."""
    family, table, chain, _handle = name
    match table, chain:
        case "podwire-fault", _:
            return Cause.FAULT, tally.comment
        case "podwire-guard", _:
            return Cause.FORGED, tally.comment
        case "podwire-policy", "forward":
            return Cause.INVALID, "conntrack knows no flow that it could belong to, or its checksum is wrong"
        case (("podwire-policy" | "podwire-services"), _):
            return None
    said = f"dropped by a rule of {family} {table}, chain {chain}"
    return Cause.FOREIGN_RULE, f"{said}: {tally.comment}" if tally.comment else said
