"""Structural schemas as trees."""

from control.schema.custom.structural import key_of


def test_a_tree_has_properties_items_and_map_values(node) -> None:
    root = node(
        "{type: object, properties: {list: {type: array, items: {type: string}}, map: {type: object, additionalProperties: {type: integer}}}}"
    )
    assert root.properties["list"].items.type == "string"
    assert root.properties["map"].additional.type == "integer"
    assert [child.type for child in root.below()] == ["array", "object"]
    assert node("{type: object, additionalProperties: true}").open


def test_the_keys_of_an_item_are_sorted_and_defaulted(node) -> None:
    ports = node("""
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [port, protocol]
        items: {type: object, properties: {port: {type: integer}, protocol: {type: string, default: TCP}}}
    """)
    assert ports.list_keys == ("port", "protocol")
    assert key_of(ports, {"port": 80}) == (80, "TCP")
    assert key_of(ports, 80) is None
