"""Tries all pairs, in rounds, until each is settled.

A kernel spreads connections over a Service's endpoints at random. So that a single missing map entry is noticed,
a pair is tried until every endpoint that may answer was seen to answer, by what the source's node tracked; and
given up, as a mismatch, after so many tries that chance would miss a healthy endpoint once in some million pairs.
"""

from collections.abc import Callable, Iterable, Sequence

from control.verify import probe
from control.verify.expect import Word
from control.verify.observation import Observation
from control.verify.pairs import TargetKind
from control.verify.probe import TCP, UDP, Answer, Outcome, Probe
from dataplane.errors import KernelError
from dataplane.model.address import HostPort
from dataplane.observe.flows import tracked
from dataplane.patience import patient

QUICK_S, PATIENT_S = 0.5, 2.0
TRIES_AN_ENDPOINT, TRIES_MORE = 14, 20
MOST_ROUNDS = 12

Progress = Callable[[int, int], None]
"""Pairs settled, pairs in all."""


def settle(observations: Sequence[Observation], progress: Progress = lambda _done, _all: None) -> int:
    """Try until all are settled; the number of connections opened. Blocking: for a worker thread."""
    opened = 0
    open_pairs = list(observations)
    for number in range(MOST_ROUNDS):
        if not open_pairs:
            break
        fresh = [each for each in open_pairs if not each.retried]
        opened += _round(fresh, patient(QUICK_S))
        opened += _round([each for each in open_pairs if each.retried], patient(PATIENT_S))
        if number == 0:
            opened += _note_refusing(observations)
        opened += _ask_own_nodes([each for each in open_pairs if _maybe_silent(each)])
        open_pairs = [each for each in open_pairs if not _settled(each)]
        progress(len(observations) - len(open_pairs), len(observations))
    return opened


def _settled(each: Observation) -> bool:
    if each.gone or each.silent:
        return True
    if each.contrary:
        if each.retried:
            return True
        each.again()
        return False
    if each.expected.word not in (Word.OPEN, Word.PARTLY) or not each.missing:
        return True
    return sum(each.outcomes.values()) >= most_tries(each)


def most_tries(each: Observation) -> int:
    """After so many, an endpoint that never answered is missing."""
    count = len(each.expected.allowed | each.expected.denied)
    return TRIES_AN_ENDPOINT * count + TRIES_MORE if count > 1 else 3


def tries(each: Observation) -> int:
    """How many connections this pair gets in the next round."""
    count = len(each.expected.allowed | each.expected.denied)
    if count <= 1:
        return 1
    made = sum(each.outcomes.values())
    if each.retried:
        return most_tries(each) - made
    # At first twice the endpoints, then three times what was made so far: few rounds, as each may wait.
    return min(max(2 * count, 3 * made), most_tries(each) - made)


def _round(open_pairs: Iterable[Observation], timeout_s: float) -> int:
    planned: list[tuple[Observation, Probe]] = []
    for each in open_pairs:
        target = each.pair.target
        once = Probe(each.pair.source.netns, target.protocol, target.address, target.port)
        planned += [(each, once)] * tries(each)
    answers = probe.run([what for _each, what in planned], timeout_s)
    behind = _Behind()
    for (each, _what), answer in zip(planned, answers, strict=True):
        each.attempts += 1
        if answer.outcome is Outcome.GONE:
            each.gone = True
            continue
        each.outcomes[answer.outcome] += 1
        if answer.outcome is Outcome.OPEN:
            each.answered |= behind.who(each, answer)
    return len(planned)


class _Behind:
    """Who answered, by what the source's node tracked; each node is read once a round."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[tuple[int, HostPort, HostPort], HostPort]] = {}

    def who(self, each: Observation, answer: Answer) -> set[HostPort]:
        target = each.pair.target
        ends = each.expected.allowed | each.expected.denied
        if len(ends) == 1:
            return set(ends)
        netns = each.pair.tracker
        if netns not in self._nodes:
            self._nodes[netns] = _answers(netns)
        asked = HostPort(target.address, target.port)
        # A wildcard source would not be found: the socket is connected, so its address is its own.
        source = each.pair.source.address_of(answer.local)
        found = self._nodes[netns].get((target.protocol, source, asked)) if source else None
        return {found} if found else set()


def _answers(netns: str) -> dict[tuple[int, HostPort, HostPort], HostPort]:
    try:
        return {(flow.protocol, flow.source, flow.asked): flow.answers for flow in tracked(netns)}
    except KernelError:
        return {}  # the node went away: its pairs end as missing, and say so


def _note_refusing(observations: Iterable[Observation]) -> int:
    """Endpoints whose own address answers with a reset: the way is open and nothing listens.

    Pods' own addresses were tried by now; addresses that no pod owns are asked here, from the node that
    translates. Returns how many connections that took.
    """
    refusing: set[HostPort] = set()
    strangers: set[Probe] = set()
    for each in observations:
        target = each.pair.target
        if not each.outcomes[Outcome.REFUSED]:
            continue
        if target.kind is TargetKind.POD:
            refusing.add(HostPort(target.address, target.port))
        for endpoint in each.pair.ends:
            if target.kind is not TargetKind.POD and endpoint.pod is None and target.protocol == TCP:
                strangers.add(Probe(each.pair.tracker, TCP, endpoint.address, endpoint.port))
    for answer in probe.run(sorted(strangers, key=str), patient(QUICK_S)):
        if answer.outcome is Outcome.REFUSED:
            refusing.add(HostPort(answer.probe.address, answer.probe.port))
    for each in observations:
        each.refusing = frozenset(refusing & each.expected.allowed)
    return len(strangers)


def _maybe_silent(each: Observation) -> bool:
    is_udp = each.pair.target.protocol == UDP
    return is_udp and each.contrary and each.retried and each.outcomes[Outcome.BLOCKED] > 0


def _ask_own_nodes(suspects: Sequence[Observation]) -> int:
    """A UDP port that answers nobody is no proof: ask from the endpoint's own node, which may always."""
    planned: list[tuple[Observation, Probe]] = []
    for each in suspects:
        for endpoint in each.pair.target.endpoints:
            if endpoint.node:
                node = each.pair.place(endpoint.node)
                planned.append((each, Probe(node, UDP, endpoint.address, endpoint.port)))
    answers = probe.run([what for _each, what in planned], patient(PATIENT_S))
    heard = {
        id(each) for (each, _), answer in zip(planned, answers, strict=True) if answer.outcome is Outcome.OPEN
    }
    for each, _what in planned:
        each.silent = id(each) not in heard
    return len(planned)
