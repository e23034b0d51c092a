"""How a deletion marks an object: a pod's grace, finalizers of a propagation."""

from typing import Any

import pytest

from control.api.delete import DeleteOptions, mark_pod, set_finalizers
from control.errors import BadRequest
from control.schema.resource import registry


def pod(*, node: str = "node-1", phase: str = "Running", grace: int = 30) -> dict[str, Any]:
    return {
        "metadata": {"name": "a"},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": grace},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    ("obj", "asked", "grace"),
    [
        (pod(), None, 30),
        (pod(grace=7), None, 7),
        (pod(), 5, 5),
        (pod(), 0, 0),
        (pod(), -1, 1),
        (pod(node=""), None, 0),
        (pod(phase="Succeeded"), 20, 0),
    ],
)
def test_a_pods_grace(obj: dict[str, Any], asked: int | None, grace: int) -> None:
    mark_pod(obj, asked)
    assert obj["metadata"]["deletionGracePeriodSeconds"] == grace


def test_a_shorter_grace_moves_the_end_forward() -> None:
    obj = pod()
    obj["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}
    mark_pod(obj, 10)
    assert obj["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:10Z"


@pytest.mark.parametrize(
    ("have", "propagation", "want"),
    [
        ([], "", None),
        ([], "Foreground", ["foregroundDeletion"]),
        (["x"], "Orphan", ["x", "orphan"]),
        (["orphan", "x"], "Background", ["x"]),
        (["foregroundDeletion"], "", ["foregroundDeletion"]),
    ],
)
def test_propagation_is_a_finalizer(have: list[str], propagation: str, want: list[str] | None) -> None:
    row = registry().by_kind("apps/v1", "Deployment")
    assert row is not None
    obj: dict[str, Any] = {"metadata": {"finalizers": have}}
    set_finalizers(row, obj, propagation)
    assert obj["metadata"].get("finalizers") == want


def test_a_jobs_pods_stay_unless_it_is_said() -> None:
    row = registry().by_kind("batch/v1", "Job")
    assert row is not None
    obj: dict[str, Any] = {"metadata": {}}
    set_finalizers(row, obj, "")
    assert obj["metadata"]["finalizers"] == ["orphan"]


def test_options_from_a_body_or_the_url() -> None:
    body = {"gracePeriodSeconds": 3, "preconditions": {"uid": "u"}, "propagationPolicy": "Orphan"}
    assert DeleteOptions.parse(body, {}) == DeleteOptions(3, "Orphan", "u")
    assert DeleteOptions.parse({}, {"gracePeriodSeconds": "0"}).grace_s == 0
    with pytest.raises(BadRequest):
        DeleteOptions.parse({"propagationPolicy": "Later"}, {})
    with pytest.raises(BadRequest):
        DeleteOptions.parse({"propagationPolicy": "Orphan", "orphanDependents": True}, {})
