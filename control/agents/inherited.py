"""Containers that an agent before this one left, and what became of them until their pods have workers."""

from collections.abc import Iterable

from control.workload.request import ContainerRecord


class Inherited:
    """Owns the zygote's inventory from the moment it is asked until each pod's worker has taken its part.

    Ends are heard all the while: those that come before the answer is read, too.
    """

    def __init__(self) -> None:
        self._records: dict[str, dict[str, ContainerRecord]] = {}
        self._early: dict[str, ContainerRecord] | None = {}

    def take(self, records: Iterable[ContainerRecord]) -> None:
        """The answer. Ends that were told since it was given are in it afterwards."""
        early, self._early = self._early or {}, None
        for record in records:
            self._records.setdefault(record.uid, {})[record.id] = early.get(record.id, record)

    def exited(self, record: ContainerRecord) -> None:
        """A container of a pod without a worker ended."""
        if self._early is not None:
            self._early[record.id] = record
        elif record.id in self._records.get(record.uid, {}):
            self._records[record.uid][record.id] = record

    def compare(self, records: Iterable[ContainerRecord]) -> None:
        """The next zygote's inventory: ends that were not heard."""
        for record in records:
            if record.exit_code is not None:
                self.exited(record)

    def of(self, uid: str) -> list[ContainerRecord]:
        """A pod's part, handed over: its worker hears the ends from now on."""
        return list(self._records.pop(uid, {}).values())
