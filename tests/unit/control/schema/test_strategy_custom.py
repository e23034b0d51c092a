"""What a write of a custom resource or its definition may touch."""

import pytest

from control.schema.resource import ResourceRow, Subresource
from control.schema.strategy_custom import create_custom, create_definition, update_custom, update_definition


@pytest.fixture
def row():
    def made(*, status: bool) -> ResourceRow:
        below = (Subresource("status", "g", "v1", "K", ()),) if status else ()
        return ResourceRow("g", "v1", "K", "ks", "k", True, (), (), (), below, "")

    return made


def test_a_new_object_has_no_status_where_status_is_a_subresource(row) -> None:
    for status, left in ((True, None), (False, {"x": 1})):
        obj = {"metadata": {}, "status": {"x": 1}}
        create_custom(row(status=status), obj)
        assert (obj["metadata"]["generation"], obj.get("status")) == (1, left)


@pytest.mark.parametrize(("status", "generation"), [(True, 3), (False, 4)])
def test_a_status_counts_a_generation_only_where_it_is_no_subresource(row, status, generation) -> None:
    old = {"metadata": {"generation": 3}, "spec": {}, "status": {"x": 1}}
    new = {"metadata": {}, "spec": {}, "status": {"x": 2}}
    update_custom(row(status=status), new, old, "")
    assert new["metadata"]["generation"] == generation
    assert new["status"] == ({"x": 1} if status else {"x": 2})


def test_the_status_subresource_changes_the_status_alone(row) -> None:
    old = {"metadata": {"generation": 3, "labels": {"a": "b"}}, "spec": {"x": 1}}
    new = {"metadata": {"labels": {}}, "spec": {"x": 2}, "status": {"y": 1}}
    update_custom(row(status=True), new, old, "status")
    assert new == {**old, "status": {"y": 1}}


def test_versions_that_may_be_stored_are_remembered() -> None:
    one = {"spec": {"versions": [{"name": "v1", "storage": True}]}, "status": {}}
    create_definition(one)
    assert one["status"]["storedVersions"] == ["v1"]
    two = {"spec": {"versions": [{"name": "v2", "storage": True}, {"name": "v1"}]}}
    update_definition(two, one)
    assert two["status"]["storedVersions"] == ["v1", "v2"]
