"""One version of a custom kind."""

import pytest

from control.schema.custom.definition import rows_of

SCHEMA = """
type: object
properties:
  spec: {type: object, properties: {a: {type: integer, default: 1, maximum: 5}, r: {type: integer}}}
"""


@pytest.fixture
def row(definition):
    scale = {"specReplicasPath": ".spec.r", "statusReplicasPath": ".status.r"}
    (made,) = rows_of(definition(SCHEMA, subresources={"scale": scale}), 10)
    return made


def test_structure_prunes_and_tells_of_metadata_too(row) -> None:
    obj = {"metadata": {"name": "a", "more": 1}, "spec": {"x": 1}}
    assert row.custom.structure(row, obj).unknown == ("metadata.more", "spec.x")
    wrong = row.custom.structure(row, {"metadata": {"labels": 1}})
    assert wrong.errors


def test_old_objects_are_shown_as_the_schema_now_has_them(row) -> None:
    stored = {"apiVersion": "example.com/v0", "metadata": {"resourceVersion": "9"}, "spec": {"gone": 1}}
    shown = row.custom.shown(row, stored)
    assert (shown["apiVersion"], shown["spec"]) == ("example.com/v1", {"a": 1})
    fresh = {"metadata": {"resourceVersion": "10"}, "spec": {}}
    assert row.custom.shown(row, fresh)["spec"] == {}


def test_faults_of_an_update_are_those_that_it_made(row) -> None:
    old = {"spec": {"a": 9, "r": 1}}
    assert [cause.field for cause in row.custom.faults(old, None)] == ["spec.a"]
    assert row.custom.faults({"spec": {"a": 9, "r": 2}}, old) == []
    assert [cause.message for cause in row.custom.faults({"spec": {"a": 1, "r": -1}}, old)] == [
        "Invalid value: -1: should be a non-negative integer"
    ]


def test_rules_are_evaluated_beside_other_faults_but_for_those_they_might_stumble_over(definition) -> None:
    rule = "x-kubernetes-validations: [{rule: self.a < 9, message: too much}]"
    (row,) = rows_of(
        definition(
            f"{{type: object, {rule}, required: [a], properties: {{a: {{type: integer, maximum: 5}}}}}}"
        ),
        1,
    )
    told = [cause.message for cause in row.custom.faults({"a": 10}, None)]
    assert told == [
        "Invalid value: 10: a in body should be less than or equal to 5",
        "Invalid value: too much",
    ]
    stumbling, unchecked = row.custom.faults({"a": "x"}, None)
    assert stumbling.reason == "FieldValueTypeInvalid"
    assert (unchecked.field, unchecked.reason) == ("<nil>", "FieldValueInvalid")
    assert "were not checked because the object was invalid" in unchecked.message
