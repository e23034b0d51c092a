"""The faults of a lab that are in force: a record in its directory, written before the kernel is changed.

The kernel is the truth: what it no longer has is dropped from the record. Callers hold the lab's lock.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from control.errors import FaultInvalid, NoSuchPlace
from control.lab import fault as faults
from control.lab.directory import LabDirectory, write_private
from control.lab.fault import Fault
from control.lab.fault_plan import Ground, acts_of
from dataplane.errors import KernelError
from dataplane.faults import act as acts
from dataplane.faults import heal, impair
from dataplane.faults.act import Act, Shaped


@dataclass(frozen=True, slots=True)
class Entry:
    """A fault in force. id: ``f1``. since: Unix seconds. acts: what it did to the kernel."""

    id: str
    fault: Fault
    since: float
    acts: tuple[Act, ...]

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {
            "id": self.id,
            "fault": faults.as_json(self.fault),
            "since": self.since,
            "acts": [acts.as_json(act) for act in self.acts],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Entry":
        """From the record."""
        return cls(
            document["id"],
            faults.from_json(document["fault"]),
            document["since"],
            tuple(acts.from_json(each) for each in document["acts"]),
        )


def recorded(directory: LabDirectory) -> list[Entry]:
    """What the record says, whatever the kernel has."""
    try:
        return [Entry.from_json(each) for each in json.loads(directory.faults.read_text())]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def in_force(directory: LabDirectory) -> list[Entry]:
    """What the kernel has of the record; all of it where the caller may not look."""
    entries = recorded(directory)
    if os.geteuid() != 0:
        return entries
    return [entry for entry in entries if any(heal.in_force(act) for act in entry.acts)]


def make(fault: Fault, ground: Ground) -> Entry:
    """Make a fault; one of the same kind at the same places is replaced. When it fails nothing is left of it.

    Raises NoSuchPlace, FaultInvalid, NoNetem, KernelError.
    """
    faults.checked(fault)
    if fault.kind == "delay":
        impair.must_have_netem()
    entries = in_force(ground.directory)
    numbers = [int(entry.id[1:]) for entry in recorded(ground.directory)]
    name = f"f{max(numbers, default=0) + 1}"
    entry = Entry(name, fault, time.time(), acts_of(fault, ground, name))
    replaced = [other for other in entries if other.fault.key == fault.key]
    _refuse_second_shape(entry, [other for other in entries if other not in replaced])
    for other in replaced:
        _undo(other)
    kept = [other for other in entries if other not in replaced]
    _write(ground.directory, [*kept, entry])
    try:
        for act in entry.acts:
            heal.do(act, f"fault {name}: {fault}")
    except BaseException:
        _undo(entry)
        _write(ground.directory, kept)
        raise
    return entry


def heal_all(directory: LabDirectory) -> list[Entry]:
    """Undo all that was recorded; what was in force. Raises KernelError after all were tried."""
    return _heal(directory, recorded(directory))


def heal_places(directory: LabDirectory, words: Sequence[str]) -> list[Entry]:
    """Undo the faults of these places, or of these numbers (``f1``). Raises NoSuchPlace where there is none."""
    entries = recorded(directory)
    chosen = []
    for word in words:
        found = [entry for entry in entries if word == entry.id or _means(word, entry.fault.places)]
        if not found:
            there = ", ".join(f"{entry.id} {entry.fault}" for entry in entries) or "none"
            raise NoSuchPlace(
                f"No fault at {word!r} in lab {directory.name}; in force: {there}.", "podwire fault list"
            )
        chosen += [entry for entry in found if entry not in chosen]
    return _heal(directory, chosen)


def forget(directory: LabDirectory, place: str) -> None:
    """Undo what befell a node that leaves the lab, so that its next namesake is whole."""
    _heal(directory, [entry for entry in recorded(directory) if place in entry.fault.places])


def _means(word: str, places: Sequence[str]) -> bool:
    """A place by the words that it was given, or by a shorter form of them."""
    return any(
        word.removeprefix("node/") in (place.removeprefix("node/"), place.split("/")[-1]) for place in places
    )


def _heal(directory: LabDirectory, chosen: list[Entry]) -> list[Entry]:
    failed: KernelError | None = None
    was = [entry for entry in chosen if any(heal.in_force(act) for act in entry.acts)]
    left = [entry for entry in recorded(directory) if entry not in chosen]
    for entry in chosen:
        try:
            _undo(entry)
        except KernelError as error:  # the others are healed all the same, and this one stays on record
            failed = error
            left.append(entry)
    _write(directory, left)
    if failed is not None:
        raise failed
    return was


def _undo(entry: Entry) -> None:
    for act in reversed(entry.acts):
        heal.undo(act)


def _write(directory: LabDirectory, entries: list[Entry]) -> None:
    if entries:
        text = json.dumps([entry.as_json() for entry in entries], indent=1)
        write_private(directory.faults, text, directory.owner())
    else:
        directory.faults.unlink(missing_ok=True)


def _refuse_second_shape(entry: Entry, others: list[Entry]) -> None:
    """A link has one root discipline: delay and throttle of one place exclude each other."""
    wanted = {(act.netns, act.link) for act in entry.acts if isinstance(act, Shaped)}
    for other in others:
        if wanted & {(act.netns, act.link) for act in other.acts if isinstance(act, Shaped)}:
            raise FaultInvalid(
                f"{other.fault} is in force, and a link can be slowed in one way only.",
                f"sudo podwire fault heal {other.id}",
            )
