"""Sets of field paths."""

from control.schema.fieldset import difference, intersection, paths, union

A = {"f:spec": {"f:a": {}, "f:list": {'k:{"name":"x"}': {".": {}, "f:image": {}}}}}
B = {"f:spec": {"f:b": {}, "f:list": {'k:{"name":"x"}': {"f:image": {}}}}}


def test_union_has_all_members():
    both = union(A, B)
    assert both == {"f:spec": {"f:a": {}, "f:b": {}, "f:list": {'k:{"name":"x"}': {".": {}, "f:image": {}}}}}
    assert union({"f:a": {}}, {"f:a": {"f:b": {}}}) == {"f:a": {".": {}, "f:b": {}}}
    assert union({}, A) == A


def test_difference_takes_members_and_leaves_containers_that_are_members_themselves():
    assert difference(A, B) == {"f:spec": {"f:a": {}, "f:list": {'k:{"name":"x"}': {}}}}
    assert difference(A, A) == {}
    assert difference({"f:a": {}}, {"f:a": {"f:b": {}}}) == {"f:a": {}}
    assert difference({"f:a": {"f:b": {}}}, {"f:a": {}}) == {"f:a": {"f:b": {}}}


def test_difference_with_strangers_is_the_set_itself():
    assert difference(A, {"f:status": {"f:x": {}}}) is A
    assert difference(A, {"f:spec": {"f:z": {}}}) is A


def test_intersection_has_what_both_have():
    assert intersection(A, B) == {"f:spec": {"f:list": {'k:{"name":"x"}': {"f:image": {}}}}}
    assert intersection(A, {"f:status": {}}) == {}


def test_paths_are_named_as_conflicts_name_them():
    assert list(paths(A)) == [".spec.a", '.spec.list[name="x"]', '.spec.list[name="x"].image']
    both = {"f:a": {"f:x": {}}, "f:b": {}}
    assert list(paths(both)) == [".b", ".a.x"]
    assert list(paths({"f:finalizers": {'v:"a/b"': {}}})) == ['.finalizers[="a/b"]']
