"""A workload as a Scale."""

from control.api.sub.scale import scale_of


def test_a_deployment_with_expressions() -> None:
    obj = {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "u",
            "resourceVersion": "7",
            "labels": {"a": "b"},
        },
        "spec": {
            "replicas": 3,
            "selector": {
                "matchLabels": {"app": "web"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["b", "a"]},
                    {"key": "old", "operator": "DoesNotExist"},
                ],
            },
        },
        "status": {"replicas": 2},
    }
    assert scale_of(obj) == {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7"},
        "spec": {"replicas": 3},
        "status": {"replicas": 2, "selector": "app=web,tier in (a,b),!old"},
    }


def test_a_replication_controllers_selector_is_a_map() -> None:
    obj = {"metadata": {"name": "rc"}, "spec": {"selector": {"app": "web"}}}
    assert scale_of(obj)["status"] == {"replicas": 0, "selector": "app=web"}
