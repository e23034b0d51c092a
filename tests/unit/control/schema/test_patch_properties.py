"""What holds for every patch: said twice is said once, and nobody's argument is changed."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.errors import BadRequest, Invalid
from control.schema import json_patch, merge_patch, strategic_patch
from control.schema.apply import apply_patch
from control.schema.resource import registry
from tests.unit.control.schema.objects import named, pods

Json = dict[str, Any]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "~", "/"]))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "~0", "x/y", ""]), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = DOCUMENTS.filter(lambda value: isinstance(value, dict))
POINTERS = st.lists(st.sampled_from(["a", "b", "~00", "x~1y", "", "0", "1", "-"]), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
STEPS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS},
    optional={"value": DOCUMENTS, "from": POINTERS},
)
ROW = registry().by_kind("v1", "Pod")
assert ROW is not None


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_twice_is_once(obj: Json, patch: Json) -> None:
    before = copy.deepcopy((obj, patch))
    once = merge_patch.apply(obj, patch)
    assert merge_patch.apply(once, patch) == once
    assert (obj, patch) == before


@given(OBJECTS, st.lists(STEPS, max_size=4))
def test_a_json_patch_changes_a_copy_or_is_refused(obj: Json, steps: list[Json]) -> None:
    before = copy.deepcopy((obj, steps))
    try:
        result = json_patch.apply(obj, steps)
    except (BadRequest, Invalid):
        result = {}
    assert orjson.loads(orjson.dumps(result)) == result
    assert (obj, steps) == before


@given(OBJECTS, st.sampled_from(["a", "new"]), DOCUMENTS)
def test_a_json_patch_that_adds_and_takes_away_changes_nothing(obj: Json, key: str, value: Any) -> None:
    obj.pop(key, None)
    steps = [
        {"op": "add", "path": f"/{key}", "value": value},
        {"op": "test", "path": f"/{key}", "value": value},
        {"op": "remove", "path": f"/{key}"},
    ]
    assert json_patch.apply(obj, steps) == obj


@settings(max_examples=300)
@given(pods(), pods(nulls=True))
def test_a_strategic_merge_patch_twice_is_once(pod: Json, patch: Json) -> None:
    obj = named(pod)
    before = copy.deepcopy((obj, patch))
    once = strategic_patch.apply(ROW, obj, patch)
    assert strategic_patch.apply(ROW, once, patch) == once
    assert (obj, patch) == before


def timeless(obj: Json) -> Json:
    entries = [
        {key: value for key, value in entry.items() if key != "time"}
        for entry in obj["metadata"]["managedFields"]
    ]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}}


@settings(max_examples=300)
@given(pods(), pods())
def test_an_apply_twice_is_once(first: Json, second: Json) -> None:
    live = apply_patch(ROW, None, named(first), manager="one", force=False)
    once = apply_patch(ROW, live, named(second), manager="two", force=True)
    again = apply_patch(ROW, once, named(second), manager="two", force=False)
    assert timeless(again) == timeless(once)


@settings(max_examples=300)
@given(pods(), pods())
def test_an_apply_by_one_manager_leaves_what_it_said_last(first: Json, second: Json) -> None:
    live = apply_patch(ROW, None, named(first), manager="one", force=False)
    now = apply_patch(ROW, live, named(second), manager="one", force=False)
    fresh = apply_patch(ROW, None, named(second), manager="one", force=False)
    assert without_empty(now) == without_empty(fresh)


def without_empty(obj: Json) -> Any:
    """Without managed fields, and without what is empty: a list or map whose last item went may stay."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            cleaned = {key: clean(item) for key, item in value.items()}
            return {key: item for key, item in cleaned.items() if item not in ({}, [], None)}
        return [clean(item) for item in value] if isinstance(value, list) else value

    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return clean({**obj, "metadata": meta})


@pytest.mark.parametrize("patch", [None, [], "text", 3])
def test_a_patch_that_is_no_object_is_refused(patch: Any) -> None:
    with pytest.raises(BadRequest):
        strategic_patch.apply(ROW, named({"metadata": {}, "spec": {}}), patch)
