"""Strategic merge patch: as kubectl 1.37 apply sends it, and each directive."""

import pytest

from control.errors import BadRequest
from control.schema import strategic_patch


@pytest.fixture
def patched(row):
    def apply(spec, patch):
        pod = {"spec": spec}
        return strategic_patch.apply(row("v1", "Pod"), pod, {"spec": patch})["spec"]

    return apply


def test_containers_merge_by_name_and_their_ports_by_port(patched):
    live = {
        "containers": [
            {"name": "a", "image": "1", "ports": [{"containerPort": 80}]},
            {"name": "b", "image": "1"},
        ]
    }
    patch = {"containers": [{"name": "a", "ports": [{"containerPort": 81}]}, {"name": "b", "image": "2"}]}
    assert patched(live, patch)["containers"] == [
        {
            "name": "a",
            "image": "1",
            "ports": [{"containerPort": 81}, {"containerPort": 80}],
        },  # new ones first
        {"name": "b", "image": "2"},
    ]
    assert live["containers"][1]["image"] == "1"


def test_what_kubectl_apply_sends_removes_and_orders(patched):
    live = {
        "containers": [
            {"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "N", "value": "2"}]},
            {"name": "b", "image": "b"},
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }
    patch = {
        "$setElementOrder/containers": [{"name": "a"}],
        "containers": [
            {
                "name": "a",
                "$setElementOrder/env": [{"name": "N"}, {"name": "Z"}],
                "env": [
                    {"name": "N", "value": "3"},
                    {"name": "Z", "value": "4"},
                    {"$patch": "delete", "name": "X"},
                ],
            },
            {"$patch": "delete", "name": "b"},
        ],
        "volumes": [
            {"$retainKeys": ["configMap", "name"], "name": "v", "configMap": {"name": "c"}, "emptyDir": None}
        ],
    }
    assert patched(live, patch) == {
        "containers": [{"name": "a", "env": [{"name": "N", "value": "3"}, {"name": "Z", "value": "4"}]}],
        "volumes": [{"name": "v", "configMap": {"name": "c"}}],
    }


def test_the_order_of_elements_can_change_alone(patched):
    live = {"containers": [{"name": "a"}, {"name": "b"}, {"name": "server"}]}
    ordered = patched(live, {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]})
    assert [item["name"] for item in ordered["containers"]] == ["b", "a", "server"]


def test_lists_without_a_strategy_are_replaced(patched):
    live = {"containers": [{"name": "a", "command": ["x", "y"]}], "tolerations": [{"key": "a"}]}
    patch = {"containers": [{"name": "a", "command": ["z"]}], "tolerations": [{"key": "b"}]}
    assert patched(live, patch) == {
        "containers": [{"name": "a", "command": ["z"]}],
        "tolerations": [{"key": "b"}],
    }


def test_replace_and_delete_directives(patched):
    live = {"containers": [{"name": "a"}, {"name": "b"}], "securityContext": {"runAsUser": 1, "fsGroup": 2}}
    assert patched(live, {"containers": [{"$patch": "replace"}, {"name": "c"}]})["containers"] == [
        {"name": "c"}
    ]
    assert patched(live, {"securityContext": {"$patch": "replace", "fsGroup": 3}})["securityContext"] == {
        "fsGroup": 3
    }
    assert "securityContext" not in patched(live, {"securityContext": {"$patch": "delete"}})


def test_finalizers_are_a_set_with_a_delete_directive(row):
    pod = {"metadata": {"finalizers": ["a/1", "b/2"]}}
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/1"], "finalizers": ["b/2", "c/3"]}}
    assert strategic_patch.apply(row("v1", "Pod"), pod, patch)["metadata"]["finalizers"] == ["b/2", "c/3"]
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/1"]}}
    assert strategic_patch.apply(row("v1", "Pod"), pod, patch)["metadata"]["finalizers"] == ["b/2"]


def test_a_null_removes_a_label_and_a_new_map_comes_without_its_nulls(row):
    pod = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    result = strategic_patch.apply(
        row("v1", "Pod"), pod, {"metadata": {"labels": {"a": None}, "annotations": {"x": "y", "z": None}}}
    )
    assert result["metadata"] == {"labels": {"b": "2"}, "annotations": {"x": "y"}}


def test_conditions_merge_by_type(row):
    node = {
        "status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Disk", "status": "False"}]}
    }
    patch = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    conditions = strategic_patch.apply(row("v1", "Node"), node, patch)["status"]["conditions"]
    assert conditions == [{"type": "Ready", "status": "True"}, {"type": "Disk", "status": "False"}]


@pytest.mark.parametrize(
    "patch",
    [{"containers": [{"image": "x"}]}, {"containers": ["x"]}, {"securityContext": {"$patch": "fold"}}],
)
def test_nonsense_is_a_bad_request(patched, patch):
    with pytest.raises(BadRequest):
        patched({"containers": [{"name": "a"}]}, patch)
