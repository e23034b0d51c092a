"""Pods by the names that people use."""

import pytest

from control.errors import NoSuchPlace
from control.explain.pods import pods_named, without_kind


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shop/web", ["shop/web"]),
        ("web", ["shop/web"]),
        ("pod/web", ["shop/web"]),
        ("deploy/web", ["shop/web"]),
        ("shop/deploy/web", ["shop/web"]),
        ("shop/*", ["shop/db", "shop/web"]),
        ("other/web", []),
        ("deploy/nobody", []),
        ("deploy", []),
        ("deploy/", []),
        ("", []),
        ("*", []),
    ],
)
def test_names_of_pods(atlas, text, found):
    assert sorted(pod.key for pod in pods_named(atlas, text, "shop")) == found


@pytest.mark.parametrize(
    ("text", "said"), [("pending", "no network yet"), ("finished", "given its network back")]
)
def test_a_pod_without_a_network_is_told_apart_from_none(atlas, text, said):
    with pytest.raises(NoSuchPlace) as refused:
        pods_named(atlas, text, "shop")
    assert said in refused.value.what


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("deploy/web", "web"),
        ("deploy/deploy", "deploy"),
        ("shop/deploy/web", "shop/web"),
        ("deploy/shop/web", "shop/web"),
        ("deploy/deploy/deploy", "deploy/deploy"),
        ("deploy", None),
        ("shop/web", None),
        ("a/b/c", None),
    ],
)
def test_a_kind_before_a_name_is_told_from_a_name_that_is_the_kinds(text, name):
    assert without_kind(text, ("deploy",)) == name
