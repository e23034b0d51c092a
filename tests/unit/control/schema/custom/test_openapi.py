"""Custom kinds in OpenAPI documents."""

from control.schema.custom.definition import rows_of
from control.schema.custom.openapi import kind_schemas
from control.schema.openapi_schemas import V2, V3

SCHEMA = """
type: object
description: A thing
properties:
  spec:
    type: object
    properties:
      n: {type: integer, nullable: true}
      p: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
"""


def test_version_3_has_the_schema_as_it_is(definition) -> None:
    (row,) = rows_of(definition(SCHEMA), 1)
    made = kind_schemas(row, V3)
    thing = made["com.example.v1.Thing"]
    assert (thing["description"], thing["properties"]["spec"]["properties"]["n"]["nullable"]) == (
        "A thing",
        True,
    )
    assert thing["x-kubernetes-group-version-kind"] == [
        {"group": "example.com", "version": "v1", "kind": "Thing"}
    ]
    items = made["com.example.v1.ThingList"]["properties"]["items"]
    assert items["items"] == {"$ref": V3 + "com.example.v1.Thing"}


def test_version_2_leaves_out_what_it_can_not_say(definition) -> None:
    (row,) = rows_of(definition(SCHEMA), 1)
    spec = kind_schemas(row, V2)["com.example.v1.Thing"]["properties"]["spec"]["properties"]
    assert spec == {"n": {}, "p": {"x-kubernetes-int-or-string": True}}
