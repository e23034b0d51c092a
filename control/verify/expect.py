"""What the policies say of a pair, by the oracle."""

from dataclasses import dataclass
from enum import StrEnum

from control.verify.cluster import ClusterView, Endpoint
from control.verify.pairs import Pair
from dataplane.model.address import Family, HostPort, IPAddress
from policy.oracle.flow import End, Flow, OracleVerdict
from policy.oracle.verdict import verdict


class Word(StrEnum):
    """What should happen. PARTLY: some endpoints are allowed and some are not."""

    OPEN = "open"
    BLOCKED = "blocked"
    PARTLY = "partly"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should happen, and why.

    allowed, denied: endpoints by what the policies say. reason: the sentence that decides.
    policies: ``namespace/name`` of those that the reason names.
    """

    word: Word
    reason: str
    policies: tuple[str, ...] = ()
    allowed: frozenset[HostPort] = frozenset()
    denied: frozenset[HostPort] = frozenset()


class Expectations:
    """Asks the oracle, once for each pair of pods, port and protocol."""

    def __init__(self, cluster: ClusterView, *, tunnel: bool = True) -> None:
        """tunnel: pods' packets between nodes go through an overlay's device, with its address."""
        self._cluster, self._tunnel = cluster, tunnel
        self._known: dict[tuple[object, ...], OracleVerdict] = {}

    def of(self, pair: Pair) -> Expectation:
        """What should happen between a source and a target."""
        endpoints = pair.ends
        if not endpoints:
            return Expectation(Word.REFUSED, f"{pair.target.name} has no ready endpoints")
        said = {_at(endpoint): self._ask(pair, endpoint) for endpoint in endpoints}
        allowed = frozenset(at for at, answer in said.items() if answer.allowed)
        denied = frozenset(said) - allowed
        deciding = next((answer for answer in said.values() if not answer.allowed), None)
        deciding = deciding or next(iter(said.values()))
        word = Word.BLOCKED if not allowed else Word.PARTLY if denied else Word.OPEN
        reason = deciding.reason
        named = (reason.rule,) if reason.rule else reason.isolated_by
        policies = tuple(f"{origin.namespace}/{origin.name}" for origin in named)
        return Expectation(word, reason.text, policies, allowed, denied)

    def _ask(self, pair: Pair, endpoint: Endpoint) -> OracleVerdict:
        source, address = self._seen_as(pair, endpoint)
        key = (pair.source.name, address, endpoint.address, pair.target.protocol, endpoint.port)
        if key not in self._known:
            flow = Flow(
                source,
                endpoint.pod or endpoint.address,
                pair.target.protocol,
                endpoint.port,
                address,
                endpoint.address,
            )
            self._known[key] = verdict(self._cluster.world, self._cluster.policies, flow)
        return self._known[key]

    def _seen_as(self, pair: Pair, endpoint: Endpoint) -> tuple[End, IPAddress | None]:
        """The source as the destination's node sees it: through another node's port, it is that node."""
        address = pair.source.address(Family.of(endpoint.address))
        if pair.source.pod is not None:
            return pair.source.pod, address
        entry = self._cluster.world.nodes.get(pair.target.node)
        if entry is not None and endpoint.node != entry.name:
            same = [a for a in entry.addresses if a.version == endpoint.address.version]
            # Own address first, then the overlay's device, then the bridge (translate.world.node_facts).
            address = same[1] if self._tunnel and len(same) > 1 else same[0]
        return address or pair.source.addresses[0], address


def _at(endpoint: Endpoint) -> HostPort:
    return HostPort(endpoint.address, endpoint.port)
