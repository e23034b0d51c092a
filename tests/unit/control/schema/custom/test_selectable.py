"""selectableFields."""

from control.schema.custom.definition import rows_of
from control.schema.custom.selectable import own_selectable, selectable
from control.schema.field_selector import FieldSelector, selectable_fields

SCHEMA = "{type: object, properties: {spec: {type: object, properties: {color: {type: string}}}}}"


def test_fields_are_named_without_the_leading_dot() -> None:
    assert selectable({"selectableFields": [{"jsonPath": ".spec.color"}]}) == {
        "spec.color": ("spec", "color")
    }


def test_a_selector_asks_for_them(definition) -> None:
    (row,) = rows_of(definition(SCHEMA, selectableFields=[{"jsonPath": ".spec.color"}]), 1)
    assert list(own_selectable(row)) == ["spec.color"]
    fields = selectable_fields(row, {"metadata": {"name": "a", "namespace": "n"}, "spec": {"color": "red"}})
    assert fields == {"metadata.name": "a", "metadata.namespace": "n", "spec.color": "red"}
    assert FieldSelector.parse(row, "spec.color=red").matches_fields(fields)
