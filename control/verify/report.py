"""The result of verify as values and as JSON."""

from dataclasses import dataclass
from typing import Any

from control.verify.calls import Call
from control.verify.expect import Expectation, Word
from control.verify.observation import Observation


@dataclass(frozen=True, slots=True)
class CallResult:
    """One edge of the call graph, beside what should happen."""

    call: Call
    expected: Expectation

    @property
    def agrees(self) -> bool:
        """Seen and said are the same."""
        said = self.expected.word
        return self.call.word == said or (said is Word.PARTLY and self.call.word in (Word.OPEN, Word.BLOCKED))

    @property
    def mismatch(self) -> str:
        """What is wrong, as a sentence; empty when nothing is."""
        return "" if self.agrees else f"the wire says {self.call.word}"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The pair, what should happen, what did, and whose words decide."""

    source: str
    target: str
    expected: str
    what: str
    reason: str
    policies: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}: the policies say {self.expected}, {self.what} ({self.reason})"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """All that verify found. connections: how many were opened, or tried to."""

    observations: tuple[Observation, ...]
    calls: tuple[CallResult, ...]
    connections: int
    seconds: float

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """Every pair and call that is not as the policies say."""
        pairs = [
            _mismatch(str(each.pair.source.name), str(each.pair.target), each.expected, each.mismatch)
            for each in self.observations
            if each.mismatch
        ]
        calls = [
            _mismatch(
                each.call.edge.source.name, f"call {each.call.edge.upstream}", each.expected, each.mismatch
            )
            for each in self.calls
            if each.mismatch
        ]
        return (*pairs, *calls)

    @property
    def as_said(self) -> int:
        """Connections that went as the policies say."""
        bad_calls = sum(1 for each in self.calls if not each.agrees)
        wrong = sum(sum(each.outcomes.values()) - each.good_attempts for each in self.observations)
        return self.connections - wrong - bad_calls

    @property
    def exit_code(self) -> int:
        """0 when all is as the policies say, else 1."""
        return 1 if self.mismatches else 0

    @property
    def summary(self) -> str:
        """One line of figures."""
        return (
            f"{self.connections} connections opened, {self.as_said} as the policies say, "
            f"{len(self.mismatches)} mismatches · {self.seconds:.1f} s"
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "connections": self.connections,
            "asPoliciesSay": self.as_said,
            "seconds": round(self.seconds, 3),
            "mismatches": [_mismatch_json(each) for each in self.mismatches],
            "pairs": [_pair_json(each) for each in self.observations],
            "calls": [_call_json(each) for each in self.calls],
        }


def _mismatch(source: str, target: str, expected: Expectation, what: str) -> Mismatch:
    return Mismatch(source, target, str(expected.word), what, expected.reason, expected.policies)


def _mismatch_json(each: Mismatch) -> dict[str, Any]:
    return {
        "source": each.source,
        "target": each.target,
        "expected": each.expected,
        "what": each.what,
        "reason": each.reason,
        "policies": list(each.policies),
    }


def _pair_json(each: Observation) -> dict[str, Any]:
    source, target = each.pair.source, each.pair.target
    return {
        "source": source.name,
        "workload": source.workload,
        "target": target.name,
        "kind": str(target.kind),
        "address": str(target.address),
        "port": target.port,
        "protocol": target.protocol,
        "expected": str(each.expected.word),
        "seen": each.word,
        "outcomes": {str(outcome): count for outcome, count in each.outcomes.items()},
        "answered": sorted(str(end) for end in each.answered),
        "reason": each.expected.reason,
        "policies": list(each.expected.policies),
        "mismatch": each.mismatch,
    }


def _call_json(each: CallResult) -> dict[str, Any]:
    return {
        "workload": each.call.edge.source.workload,
        "source": each.call.edge.source.name,
        "upstream": each.call.edge.upstream,
        "name": each.call.name,
        "addresses": [str(address) for address in each.call.addresses],
        "expected": str(each.expected.word),
        "seen": each.call.word,
        "reason": each.expected.reason,
        "policies": list(each.expected.policies),
        "mismatch": each.mismatch,
    }
