"""What a budget allows."""

import pytest

from control.controllers.disruption_plan import expected_pods, status
from control.controllers.metadata import timestamp_of

NOW = 1_800_000_000.0


def budget(**spec):
    return {"metadata": {"name": "b", "generation": 2}, "spec": spec}


def pod(number, *, ready=True, deleted=False, owner="rs"):
    metadata = {"name": f"p{number}"}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner, "controller": True}]
    if deleted:
        metadata["deletionTimestamp"] = timestamp_of(NOW)
    return {
        "metadata": metadata,
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


@pytest.mark.parametrize(
    ("spec", "healthy", "expected", "allowed"),
    [
        ({"minAvailable": 2}, 3, 3, 1),
        ({"minAvailable": 3}, 3, 3, 0),
        ({"minAvailable": "50%"}, 3, 3, 1),
        ({"maxUnavailable": 1}, 3, 3, 1),
        ({"maxUnavailable": 1}, 2, 3, 0),
        ({"maxUnavailable": "34%"}, 3, 3, 2),
        ({"maxUnavailable": 0}, 3, 3, 0),
        ({"maxUnavailable": 1}, 0, 0, 0),
    ],
)
def test_so_many_disruptions_are_allowed(spec, healthy, expected, allowed):
    got = status(budget(**spec), [pod(n) for n in range(healthy)], expected, NOW)

    assert (got["disruptionsAllowed"], got["currentHealthy"], got["expectedPods"]) == (
        allowed,
        healthy,
        expected,
    )
    assert got["conditions"][0]["reason"] == ("SufficientPods" if allowed else "InsufficientPods")


def test_pods_that_are_not_ready_or_are_leaving_are_not_healthy():
    pods = [pod(1), pod(2, ready=False), pod(3, deleted=True)]

    assert status(budget(minAvailable=1), pods, 3, NOW)["currentHealthy"] == 1


def test_a_granted_eviction_counts_until_its_pod_goes_or_two_minutes_pass():
    noted = budget(minAvailable=1)
    noted["status"] = {"disruptedPods": {"p1": timestamp_of(NOW - 10), "gone": timestamp_of(NOW)}}
    fresh = status(noted, [pod(1), pod(2)], 2, NOW)
    assert (fresh["currentHealthy"], fresh["disruptedPods"]) == (1, {"p1": timestamp_of(NOW - 10)})

    later = status(noted, [pod(1), pod(2)], 2, NOW + 200)
    assert (later["currentHealthy"], "disruptedPods" in later) == (2, False)


def test_owners_say_how_many_are_expected():
    pods = [pod(1), pod(2), pod(3, owner="other"), pod(4, owner="")]
    scales = {"rs": 5, "other": None}

    def scale_of(each):
        return scales[each["metadata"]["ownerReferences"][0]["uid"]]

    assert expected_pods(pods, scale_of) == 5 + 1 + 1
