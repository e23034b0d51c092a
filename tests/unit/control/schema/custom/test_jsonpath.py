"""JSONPath as CRDs use it."""

import pytest

from control.schema.custom.jsonpath import PathInvalid, parse

OBJ = {
    "spec": {
        "a.b": 1,
        "list": [{"n": "x", "v": 1}, {"n": "y", "v": 2}, {"n": "z"}],
        "map": {"k": {"n": "w"}},
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.list[0].n", ["x"]),
        ("{.spec.list[0].n}", ["x"]),
        (".spec['a.b']", [1]),
        (r".spec.a\.b", [1]),
        (".spec.list[*].n", ["x", "y", "z"]),
        (".spec.list[-1].n", ["z"]),
        (".spec.list[0:2].n", ["x", "y"]),
        (".spec.list[5].n", []),
        (".spec.list[?(@.v > 1)].n", ["y"]),
        (".spec.list[?(@.v)].n", ["x", "y"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        ("..n", ["x", "y", "z", "w"]),
        (".spec.map.*.n", ["w"]),
        (".nothing.at.all", []),
        (".", [OBJ]),
    ],
)
def test_paths_lead_where_kubectl_would(path, found) -> None:
    assert parse(path).find(OBJ) == found


def test_a_path_of_names_alone_tells_them() -> None:
    assert parse(".spec.replicas").fields == ("spec", "replicas")
    assert parse(".spec.list[0]").fields == ()


@pytest.mark.parametrize("path", [".spec[", ".spec[x]", ".spec[?(]", "a b", ".a..", ".spec[?(@.a==x)]"])
def test_what_is_no_path_is_refused(path) -> None:
    with pytest.raises(PathInvalid):
        parse(path)
