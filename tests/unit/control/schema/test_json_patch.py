"""JSON patch: RFC 6902's own examples, and what can't be done."""

import pytest

from control.errors import BadRequest, Invalid
from control.schema import json_patch


@pytest.mark.parametrize(
    ("doc", "patch", "result"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"foo": "bar", "baz": "qux"}),
        ({"foo": ["a", "c"]}, [{"op": "add", "path": "/foo/1", "value": "b"}], {"foo": ["a", "b", "c"]}),
        ({"foo": ["a"]}, [{"op": "add", "path": "/foo/-", "value": ["b"]}], {"foo": ["a", ["b"]]}),
        ({"baz": 1, "foo": 2}, [{"op": "remove", "path": "/baz"}], {"foo": 2}),
        ({"foo": [1, 2, 3]}, [{"op": "remove", "path": "/foo/1"}], {"foo": [1, 3]}),
        ({"baz": 1}, [{"op": "replace", "path": "/baz", "value": 2}], {"baz": 2}),
        ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
        ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/2"}], {"a": [2, 3, 1]}),
        ({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": 1, "b": 1}),
        ({"a/b": 1, "m~n": 2}, [{"op": "test", "path": "/a~1b", "value": 1}, {"op": "remove", "path": "/m~0n"}], {"a/b": 1}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
        ({"a": [1]}, [{"op": "replace", "path": "/a/0", "value": None}], {"a": [None]}),
    ],
)  # fmt: skip
def test_operations(doc, patch, result):
    assert json_patch.apply(doc, patch) == result


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "replace", "path": "/a/b/c", "value": 1}],
        [{"op": "add", "path": "/list/9", "value": 1}],
        [{"op": "add", "path": "/list/x", "value": 1}],
        [{"op": "test", "path": "/n", "value": True}],
        [{"op": "test", "path": "/nothing", "value": 1}],
        [{"op": "move", "from": "/a", "path": "/a/b"}],
        [{"op": "bend", "path": "/a"}],
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
    ],
)
def test_what_cannot_be_done_is_invalid_and_changes_nothing(patch):
    doc = {"a": {"b": 1}, "n": 1, "list": [1]}
    with pytest.raises(Invalid, match="the server rejected our request due to an error in our request"):
        json_patch.apply(doc, patch)
    assert doc == {"a": {"b": 1}, "n": 1, "list": [1]}


def test_an_object_is_no_json_patch():
    with pytest.raises(BadRequest):
        json_patch.apply({}, {"op": "add"})


def test_a_patch_that_takes_the_whole_object_away_is_refused():
    with pytest.raises(BadRequest, match="leaves no object"):
        json_patch.apply({"a": 1}, [{"op": "remove", "path": ""}])


@pytest.mark.parametrize("index", ["²", "9" * 5000, "٣"])
def test_an_index_is_a_number(index):
    with pytest.raises(Invalid):
        json_patch.apply({"l": [1]}, [{"op": "add", "path": f"/l/{index}", "value": 2}])


@pytest.mark.timeout(20)
def test_copies_of_copies_do_not_take_all_memory():
    doubled = [{"op": "copy", "from": "/a", "path": f"/a/{n}"} for n in range(60)]
    with pytest.raises(Invalid, match="copy operations make more than"):
        json_patch.apply({"a": {"b": "x" * 100}}, doubled)
    assert json_patch.apply({"a": {"b": 1}}, doubled[:2]) == {
        "a": {"b": 1, "0": {"b": 1}, "1": {"b": 1, "0": {"b": 1}}}
    }
