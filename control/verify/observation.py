"""What was seen of one pair, and whether it is what the policies say."""

from collections import Counter
from dataclasses import dataclass, field

from control.verify.expect import Expectation, Word
from control.verify.pairs import Pair, TargetKind
from control.verify.probe import Outcome
from dataplane.model.address import HostPort

_NO_WAY = (Outcome.BLOCKED, Outcome.UNREACHABLE)


@dataclass(slots=True)
class Observation:
    """A pair while it is tried, and after.

    outcomes: of the attempts that count. answered: endpoints that were seen to answer. retried: what looked
    wrong at first is tried again, with patience, before it is called a mismatch. silent: no program answers
    there, not even to its own node, so nothing can be said. gone: the source went away meanwhile.
    """

    pair: Pair
    expected: Expectation
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    answered: set[HostPort] = field(default_factory=set)
    attempts: int = 0
    retried: bool = False
    silent: bool = False
    gone: bool = False
    refusing: frozenset[HostPort] = frozenset()

    @property
    def live(self) -> frozenset[HostPort]:
        """Allowed endpoints with a program behind the port."""
        return self.expected.allowed - self.refusing

    @property
    def missing(self) -> frozenset[HostPort]:
        """Endpoints that should have answered by now and have not."""
        if self.pair.target.sticky and (self.expected.word is Word.PARTLY or self.answered & self.live):
            return frozenset()  # one endpoint is all that this source ever gets, an allowed one or not
        return self.live - self.answered

    def agrees(self, outcome: Outcome) -> bool:
        """One attempt's outcome is one that the policies leave room for."""
        match self.expected.word:
            case Word.OPEN:
                return outcome is Outcome.OPEN or (outcome is Outcome.REFUSED and self._may_refuse)
            case Word.BLOCKED:
                return outcome in _NO_WAY
            case Word.PARTLY:
                return outcome in (Outcome.OPEN, *_NO_WAY) or (
                    outcome is Outcome.REFUSED and self._may_refuse
                )
            case _:
                return outcome in (Outcome.REFUSED, Outcome.UNREACHABLE)

    @property
    def _may_refuse(self) -> bool:
        # At a pod's own address a reset comes from the pod: the way to it is open, nothing listens there.
        direct = self.pair.target.kind in (TargetKind.POD, TargetKind.OUTSIDE)
        return direct or bool(self.expected.allowed & self.refusing)

    @property
    def contrary(self) -> bool:
        """Something was seen that the policies do not leave room for."""
        wrong = any(not self.agrees(outcome) for outcome in self.outcomes)
        return wrong or bool(self.answered & self.expected.denied)

    @property
    def good_attempts(self) -> int:
        """Attempts that went as the policies say."""
        return sum(count for outcome, count in self.outcomes.items() if self.agrees(outcome))

    @property
    def word(self) -> str:
        """What was seen, in one word."""
        seen = [outcome for outcome, _count in self.outcomes.most_common()]
        if self.gone:
            return "gone"
        if self.silent:
            return "silent"
        if not seen:
            return "untried"
        return str(seen[0]) if len(seen) == 1 else "mixed"

    @property
    def mismatch(self) -> str:
        """What is wrong, as a sentence; empty when nothing is."""
        if self.silent or self.gone:
            return ""
        leaked = self.answered & self.expected.denied
        if leaked:
            return f"{_listed(leaked)} answered and must not"
        if self.contrary:
            total = sum(self.outcomes.values())
            shares = ", ".join(
                f"{outcome} {count} of {total}" for outcome, count in self.outcomes.most_common()
            )
            return f"the wire says {shares}"
        if self.missing and self.expected.word in (Word.OPEN, Word.PARTLY):
            total = sum(self.outcomes.values())
            return f"{_listed(self.missing)} never answered in {total} connections"
        return ""

    def again(self) -> None:
        """Forget what was seen, to try once more."""
        self.outcomes.clear()
        self.answered.clear()
        self.retried = True


def _listed(ends: frozenset[HostPort] | set[HostPort]) -> str:
    return ", ".join(str(end) for end in sorted(ends, key=str))
