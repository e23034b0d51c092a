"""Numbers of a rollout, against tables of upstream's own cases."""

import pytest

from control.controllers.rollout import (
    fenceposts,
    max_unavailable,
    new_replicas,
    old_sizes,
    proportional_sizes,
    scaled_value,
)


def _deployment(replicas, surge=1, unavailable=1):
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}},
    }


def _set(name, replicas, *, available=None, created="2026-01-01T00:00:00Z", most=None):
    annotations = {"deployment.kubernetes.io/max-replicas": str(most)} if most else {}
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": annotations},
        "spec": {"replicas": replicas},
        "status": {"availableReplicas": replicas if available is None else available},
    }


@pytest.mark.parametrize(
    ("value", "total", "up", "down"),
    [("25%", 4, 1, 1), ("25%", 5, 2, 1), ("25%", 1, 1, 0), ("100%", 7, 7, 7), ("0%", 9, 0, 0), (3, 2, 3, 3)],
)
def test_a_percentage_is_rounded_up_for_surge_and_down_for_unavailable(value, total, up, down):
    assert (scaled_value(value, total, round_up=True), scaled_value(value, total, round_up=False)) == (
        up,
        down,
    )


# From upstream's TestResolveFenceposts.
@pytest.mark.parametrize(
    ("surge", "unavailable", "desired", "want"),
    [
        ("0%", "0%", 0, (0, 1)),
        ("39%", "39%", 10, (4, 3)),
        ("0%", "10%", 10, (0, 1)),
        (0, "10%", 5, (0, 1)),
        ("25%", "25%", 1, (1, 0)),
        (2, 0, 4, (2, 0)),
    ],
)
def test_both_at_zero_would_stall_so_one_may_be_unavailable(surge, unavailable, desired, want):
    assert fenceposts(surge, unavailable, desired) == want


@pytest.mark.parametrize(
    ("replicas", "unavailable", "want"),
    [(10, 5, 5), (10, "50%", 5), (5, 10, 5), (1, "10%", 1), (0, 10, 0), (0, "10%", 0)],
)
def test_no_more_can_be_unavailable_than_there_are(replicas, unavailable, want):
    assert max_unavailable(_deployment(replicas, 0, unavailable)) == want


# From upstream's TestNewRSNewReplicas.
@pytest.mark.parametrize(
    ("desired", "new", "others", "surge", "want"),
    [(1, 0, 0, 1, 1), (10, 0, 10, 3, 3), (10, 5, 3, 0, 7), (6, 2, 10, 2, 2), (2, 2, 0, 1, 2)],
)
def test_the_new_set_grows_into_the_room_that_surge_leaves(desired, new, others, surge, want):
    every = [_set("new", new), _set("old", others)]

    assert new_replicas(_deployment(desired, surge, 1), every, new) == want


# From upstream's TestDeploymentController_reconcileOldReplicaSets: (replicas, unavailable, old, new,
# ready pods of old and new) → size of the old set.
@pytest.mark.parametrize(
    ("desired", "unavailable", "old", "new", "old_ready", "new_ready", "want"),
    [
        (10, 0, 10, 0, 10, 0, 10),
        (10, 2, 10, 0, 10, 0, 8),
        (10, 2, 10, 0, 8, 0, 8),
        (10, 2, 10, 0, 9, 0, 8),
        (10, 2, 8, 2, 8, 2, 6),
        (10, 2, 8, 2, 8, 0, 8),
        (10, 2, 8, 2, 0, 0, 8),
        (10, 2, 10, 2, 1, 2, 6),
    ],
)
def test_old_pods_go_as_availability_allows_those_that_are_not_available_first(
    desired, unavailable, old, new, old_ready, new_ready, want
):
    sets = [_set("old", old, available=old_ready)]
    sizes = old_sizes(_deployment(desired, 2, unavailable), sets, _set("new", new, available=new_ready))

    assert sizes["old"] == want


# From upstream's TestScale.
@pytest.mark.parametrize(
    ("before", "after", "surge", "sizes", "want"),
    [
        (10, 12, 0, [10], [12]),
        (10, 5, 0, [10], [5]),
        (5, 10, 0, [2, 3], [4, 6]),
        (5, 3, 0, [2, 3], [1, 2]),
        (9, 4, 0, [8, 1], [4, 0]),
        (7, 10, 0, [2, 3, 2], [3, 4, 3]),
        (13, 8, 0, [2, 8, 3], [1, 5, 2]),
        (3, 4, 0, [1, 1, 1], [2, 1, 1]),
        (10, 20, 2, [6, 6], [11, 11]),
    ],
)
def test_a_change_of_size_in_a_rollout_is_shared_in_proportion(before, after, surge, sizes, want):
    sets = [
        _set(f"rs-{i}", size, created=f"2026-01-0{3 - i}T00:00:00Z", most=before + surge)
        for i, size in enumerate(sizes)
    ]

    got = proportional_sizes(_deployment(after, surge, 1), sets)

    assert [got[f"rs-{i}"] for i in range(len(sizes))] == want
