"""What a controller has asked for and not yet seen, so that a slow watch does not make it ask twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field

TIMEOUT_S = 300.0
"""An expectation older than this is given up: its event was lost."""


@dataclass(slots=True)
class _Expected:
    creations: int = 0
    deletions: set[str] = field(default_factory=set)
    since: float = 0.0


class Expectations:
    """Creations (a number) and deletions (by uid) that an owner waits for."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}

    def satisfied(self, owner: str, now: float) -> bool:
        """Whether the owner has seen all that it asked for (or waited long enough)."""
        expected = self._expected.get(owner)
        if expected is None:
            return True
        if expected.creations <= 0 and not expected.deletions:
            return True
        return now - expected.since > TIMEOUT_S

    def expect_creations(self, owner: str, count: int, now: float) -> None:
        """The owner is about to create so many."""
        self._expected[owner] = _Expected(creations=count, since=now)

    def expect_deletions(self, owner: str, uids: Iterable[str], now: float) -> None:
        """The owner is about to delete these."""
        self._expected[owner] = _Expected(deletions=set(uids), since=now)

    def created(self, owner: str, count: int = 1) -> None:
        """That many were seen, or will never be made."""
        if owner in self._expected:
            self._expected[owner].creations -= count

    def deleted(self, owner: str, uid: str) -> None:
        """That one was seen to go, or could not be deleted."""
        if owner in self._expected:
            self._expected[owner].deletions.discard(uid)

    def forget(self, owner: str) -> None:
        """The owner is gone."""
        self._expected.pop(owner, None)
