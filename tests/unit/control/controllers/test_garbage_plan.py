"""Objects and their owners: who stays, who goes, and how."""

import pytest

from control.controllers.garbage_plan import (
    Judgement,
    OwnerState,
    blocks,
    closes_ring,
    judge,
    state_of,
    unblocked,
)


def obj(*owners, finalizers=(), deleted=False):
    metadata = {"ownerReferences": [{"uid": uid} for uid in owners], "finalizers": list(finalizers)}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata}


STATES = {"here": OwnerState.SOLID, "gone": OwnerState.DANGLING, "waits": OwnerState.WAITING}


@pytest.mark.parametrize(
    ("thing", "has_dependents", "want"),
    [
        (obj(), False, Judgement()),
        (obj("here"), False, Judgement()),
        (obj("here", "gone"), False, Judgement(drop_owners=frozenset({"gone"}))),
        (obj("here", "waits"), False, Judgement(drop_owners=frozenset({"waits"}))),
        (obj("gone"), False, Judgement(delete="Background")),
        (obj("gone", finalizers=["orphan"]), False, Judgement(delete="Orphan")),
        (obj("gone", finalizers=["foregroundDeletion"]), False, Judgement(delete="Foreground")),
        (obj("waits"), True, Judgement(delete="Foreground")),
        (obj("waits"), False, Judgement(delete="Background")),
        (obj("gone", deleted=True), False, Judgement()),
    ],
)
def test_one_owner_that_is_there_keeps_an_object(thing, has_dependents, want):
    assert judge(thing, STATES.__getitem__, has_dependents=has_dependents) == want


def test_an_owner_waits_only_in_a_foreground_deletion():
    assert state_of(None) is OwnerState.DANGLING
    assert state_of(obj(deleted=True)) is OwnerState.SOLID
    assert state_of(obj(deleted=True, finalizers=["foregroundDeletion"])) is OwnerState.WAITING


def test_only_a_blocking_reference_holds_the_owner():
    dependent = {"metadata": {"ownerReferences": [{"uid": "a", "blockOwnerDeletion": True}, {"uid": "b"}]}}

    assert (blocks(dependent, "a"), blocks(dependent, "b")) == (True, False)


def test_a_ring_of_owners_is_opened_where_it_closes():
    blocking = {"metadata": {"ownerReferences": [{"uid": "a", "blockOwnerDeletion": True}]}}
    waiting = obj(deleted=True, finalizers=["foregroundDeletion"])
    assert closes_ring(blocking, [obj(), waiting])
    assert not closes_ring(blocking, [obj()])
    assert not closes_ring({"metadata": {"ownerReferences": unblocked(blocking)}}, [waiting])
