"""Places, and what an update left as it was."""

from control.schema.custom.place import steps_of, text_of, unchanged

KEYED = """
type: object
properties:
  plain: {type: array, items: {type: object, properties: {n: {type: string}}}}
  keyed:
    type: array
    x-kubernetes-list-type: map
    x-kubernetes-list-map-keys: [n]
    items: {type: object, properties: {n: {type: string}, v: {type: integer}}}
"""


def test_a_place_is_told_as_errors_tell_it() -> None:
    at = (((None, "spec"), "list"), 3)
    assert (text_of(at), steps_of(at)) == ("spec.list[3]", ["spec", "list", 3])
    assert text_of(None) == ""


def test_an_item_of_a_keyed_list_is_known_wherever_it_stands(node) -> None:
    root = node(KEYED)
    old = {"keyed": [{"n": "a", "v": 1}, {"n": "b", "v": 2}]}
    new = {"keyed": [{"n": "b", "v": 2}, {"n": "a", "v": 3}]}
    assert unchanged(((None, "keyed"), 0), root, new, old)
    assert not unchanged((((None, "keyed"), 1), "v"), root, new, old)


def test_items_of_a_plain_list_are_never_the_same_ones(node) -> None:
    root = node(KEYED)
    old, new = {"plain": [{"n": "a"}]}, {"plain": [{"n": "a"}, {"n": "b"}]}
    assert not unchanged(((None, "plain"), 0), root, new, old)
    assert unchanged(((None, "plain"), 0), root, new, new)


def test_what_was_missing_is_new(node) -> None:
    assert not unchanged((None, "plain"), node(KEYED), {"plain": []}, {})
    assert not unchanged((None, "absent"), node(KEYED), {"plain": []}, {"plain": [1]})
