"""A namespace's chains, rules and comments, foreign tables too: what a trace event's names and handles mean."""

from collections.abc import Mapping
from dataclasses import dataclass

from dataplane.nft.handle import NftHandle
from dataplane.nft.ruleset import Chain, Rule


@dataclass(frozen=True, slots=True)
class Chains:
    """Chains by (family, table, name), with their rules."""

    by_name: Mapping[tuple[str, str, str], Chain]

    def hook(self, family: str, table: str, chain: str) -> str:
        """Where a base chain hooks; "" for other chains."""
        found = self.by_name.get((family, table, chain))
        return found.hook.hook if found is not None and found.hook is not None else ""

    def rule(self, family: str, table: str, chain: str, handle: int) -> tuple[int, Rule] | None:
        """A rule and its place in its chain, from 0; None when it came meanwhile."""
        found = self.by_name.get((family, table, chain))
        if found is None:
            return None
        return next(((i, each) for i, each in enumerate(found.rules) if each.handle == handle), None)


def read_chains(handle: NftHandle) -> Chains:
    """All chains and rules of the handle's namespace, of every table and family, without sets' elements."""
    return Chains({(family, table, chain.name): chain for family, table, chain in handle.chains()})
