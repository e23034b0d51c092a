"""Patches as kubectl itself merges them (``kubectl patch --local``, upstream's Go library), and as we do: the same.

Sixty merges always, a thousand in the slow tier (a minute).
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.errors import ApiError
from control.schema import json_patch, merge_patch, strategic_patch
from control.schema.resource import registry
from control.schema.structure import check
from tests.unit.control.schema.objects import named, pods

Json = dict[str, Any]
ROW = registry().by_kind("v1", "Pod")
assert ROW is not None
COMPLETE = {"containers": [{"name": "c", "image": "x"}]}


def theirs(kubectl: Path, folder: Path, obj: Json, kind: str, patch: Any) -> Json | None:
    """kubectl's merge; None when it refuses."""
    file = folder / "object.json"
    file.write_text(json.dumps(obj))
    words = ["patch", "--local", "-f", str(file), "-o", "json", f"--type={kind}", "-p", json.dumps(patch)]
    done = subprocess.run([str(kubectl), *words], capture_output=True, text=True, timeout=20, check=False)
    return canonical(json.loads(done.stdout)) if done.returncode == 0 else None


def ours(obj: Json, kind: str, patch: Any) -> Json | None:
    """Our merge; None when we refuse."""
    try:
        if kind == "strategic":
            made = strategic_patch.apply(ROW, obj, patch)
        else:
            made = json_patch.apply(obj, patch) if kind == "json" else merge_patch.apply(obj, patch)
        return canonical(json.loads(json.dumps(made)))
    except ApiError:
        return None


def canonical(obj: Json) -> Json:
    """As a Go client would write it; what --local cannot know is left out."""
    check(ROW, obj).refuse(strict=False)
    obj.pop("status", None)
    obj["metadata"].pop("creationTimestamp", None)
    return obj


def compare(kubectl: Path, folder: Path, examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        st.sampled_from(["strategic", "strategic", "merge"]),
        pods(),
        pods(nulls=True),
        pods(nulls=True, directives=True),
    )
    def same(kind: str, pod: Json, patch: Json, directed: Json) -> None:
        if kind == "strategic":
            patch = directed
        obj = named(pod)
        assert ours(obj, kind, patch) == theirs(kubectl, folder, obj, kind, patch)

    same()


@pytest.fixture(scope="session")
def newest(binaries: dict[str, Path | None]) -> Path:
    found = binaries["v1.37"]
    assert found is not None
    return found


def test_merges_are_kubectls_own(newest: Path, tmp_path: Path) -> None:
    compare(newest, tmp_path, 60)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_merges_are_kubectls_own(newest: Path, tmp_path: Path) -> None:
    compare(newest, tmp_path, 1000)


STEPS = [
    [{"op": "add", "path": "/metadata/labels/a~1b", "value": "1"}],
    [{"op": "test", "path": "/spec/containers/0/name", "value": "c"}, {"op": "remove", "path": "/spec/volumes"}],
    [{"op": "copy", "from": "/spec/containers/0", "path": "/spec/containers/-"}],
    [{"op": "move", "from": "/metadata/labels", "path": "/metadata/annotations"}],
    [{"op": "replace", "path": "/spec/nothing/here", "value": 1}],
    [{"op": "test", "path": "/spec/containers/0/name", "value": "d"}],
]  # fmt: skip


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: steps[0]["op"] + steps[0]["path"])
def test_json_patches_are_kubectls_own(newest: Path, tmp_path: Path, steps: list[Json]) -> None:
    pod = {
        "metadata": {"labels": {"x": "y"}},
        "spec": {**COMPLETE, "volumes": [{"name": "v", "emptyDir": {}}]},
    }
    obj = named(pod)
    assert ours(obj, "json", steps) == theirs(newest, tmp_path, obj, "json", steps)
