"""Judging an object by its owners: does it stay, lose references, or go? Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from control.controllers.metadata import Object, is_terminating

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class OwnerState(Enum):
    """What became of an owner."""

    SOLID = "there"
    WAITING = "being deleted, waiting for its dependents"
    DANGLING = "gone"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do with an object.

    drop_owners: uids of references to remove, the object stays.
    delete: None, or the propagation policy with which it goes.
    """

    drop_owners: frozenset[str] = frozenset()
    delete: str | None = None


def finalizers_of(obj: Object) -> list[str]:
    """metadata.finalizers, [] when there are none."""
    return list(obj["metadata"].get("finalizers") or ())


def owner_uids(obj: Object) -> list[str]:
    """uids of all owners."""
    return [str(r.get("uid")) for r in obj["metadata"].get("ownerReferences") or ()]


def state_of(owner: Object | None) -> OwnerState:
    """The state of an owner, None when it is gone."""
    if owner is None:
        return OwnerState.DANGLING
    if is_terminating(owner) and FOREGROUND in finalizers_of(owner):
        return OwnerState.WAITING
    return OwnerState.SOLID


def judge(obj: Object, state: Callable[[str], OwnerState], *, has_dependents: bool) -> Judgement:
    """Upstream's rule: one owner that is there keeps the object; else it goes.

    state: of an owner by its uid.
    """
    if is_terminating(obj):
        return Judgement()
    states = {uid: state(uid) for uid in owner_uids(obj)}
    if not states:
        return Judgement()
    solid = [uid for uid, s in states.items() if s is OwnerState.SOLID]
    if solid:
        return Judgement(drop_owners=frozenset(states.keys() - solid))
    if OwnerState.WAITING in states.values() and has_dependents:
        return Judgement(delete="Foreground")
    if ORPHAN in finalizers_of(obj):
        return Judgement(delete="Orphan")
    if FOREGROUND in finalizers_of(obj):
        return Judgement(delete="Foreground")
    return Judgement(delete="Background")


def closes_ring(obj: Object, dependents: Iterable[Object]) -> bool:
    """Whether an object that is to go blocks its owners while one of its own dependents waits in turn.

    A ring of owners would wait for itself for ever. As upstream, a chain that is deleted from both ends looks
    the same, and is let go in another order.
    """
    references = obj["metadata"].get("ownerReferences") or ()
    return any(r.get("blockOwnerDeletion") for r in references) and any(
        state_of(one) is OwnerState.WAITING for one in dependents
    )


def unblocked(obj: Object) -> list[Object]:
    """Its owner references, none of which an owner must wait for."""
    return [r | {"blockOwnerDeletion": False} for r in obj["metadata"].get("ownerReferences") or ()]


def blocks(dependent: Object, owner_uid: str) -> bool:
    """Whether the owner must wait for this dependent in a foreground deletion."""
    return any(
        r.get("uid") == owner_uid and r.get("blockOwnerDeletion")
        for r in dependent["metadata"].get("ownerReferences") or ()
    )
