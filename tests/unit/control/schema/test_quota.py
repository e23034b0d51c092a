"""What objects count for in quotas, and which quotas they fall under."""

from decimal import Decimal

import pytest

from control.schema.quota import charge_of, resource_of, selects, unnamed


def pod(*containers, phase="Pending", **spec):
    listed = [{"name": f"c{number}", "resources": one} for number, one in enumerate(containers)]
    return {"metadata": {"name": "p"}, "spec": {"containers": listed, **spec}, "status": {"phase": phase}}


def counted(resource, obj):
    return {name: amount for name, amount in charge_of(resource, obj).amounts.items() if "count/" not in name}


ASKS = {"requests": {"cpu": "500m", "memory": "1Gi", "example.com/gpu": "1"}, "limits": {"cpu": "1"}}


def test_a_pod_counts_by_its_requests_and_limits_under_each_of_their_names():
    assert counted("/pods", pod(ASKS, ASKS)) == {
        "pods": 1,
        "cpu": 1,
        "requests.cpu": 1,
        "memory": 2 << 30,
        "requests.memory": 2 << 30,
        "requests.example.com/gpu": 2,
        "limits.cpu": 2,
    }


def test_the_init_phase_counts_when_it_needs_more():
    obj = pod(
        {"requests": {"cpu": "1"}}, initContainers=[{"name": "i", "resources": {"requests": {"cpu": "3"}}}]
    )
    assert counted("/pods", obj)["cpu"] == 3


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_an_ended_pod_counts_as_an_object_only(phase):
    assert charge_of("/pods", pod(ASKS, phase=phase)).amounts == {"count/pods": 1}


def test_services_by_their_ports():
    ports = [{"port": 80, "nodePort": 30080}, {"port": 81}]
    assert counted("/services", {"spec": {"type": "NodePort", "ports": ports}}) == {
        "services": 1,
        "services.nodeports": 2,
    }
    balanced = {"type": "LoadBalancer", "ports": ports, "allocateLoadBalancerNodePorts": False}
    assert counted("/services", {"spec": balanced})["services.nodeports"] == 1


def test_claims_by_their_class():
    spec = {"resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "fast"}
    found = counted("/persistentvolumeclaims", {"metadata": {}, "spec": spec})
    assert found["fast.storageclass.storage.k8s.io/requests.storage"] == found["requests.storage"] == 2 << 30


def test_any_other_kind_counts_by_its_full_name():
    assert charge_of("apps/deployments", {}).amounts == {"count/deployments.apps": Decimal(1)}


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("limits.memory", "/pods"),
        ("requests.storage", "/persistentvolumeclaims"),
        ("fast.storageclass.storage.k8s.io/persistentvolumeclaims", "/persistentvolumeclaims"),
        ("services.loadbalancers", "/services"),
        ("secrets", "/secrets"),
        ("count/widgets.example.com", "example.com/widgets"),
        ("requests.example.com/gpu", "/pods"),
    ],
)
def test_what_a_bound_counts(name, resource):
    assert resource_of(name) == resource


@pytest.mark.parametrize(
    ("spec", "obj", "want"),
    [
        ({"scopes": ["BestEffort"]}, pod({}), True),
        ({"scopes": ["BestEffort"]}, pod(ASKS), False),
        ({"scopes": ["NotBestEffort", "Terminating"]}, pod(ASKS, activeDeadlineSeconds=3), True),
        ({"scopes": ["NotTerminating"]}, pod(ASKS, activeDeadlineSeconds=3), False),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}},
            pod(ASKS, priorityClassName="high"),
            True,
        ),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "NotIn", "values": ["high"]}]}},
            pod(ASKS, priorityClassName="high"),
            False,
        ),
    ],
)  # fmt: skip
def test_scopes_choose_pods(spec, obj, want):
    assert selects(spec, charge_of("/pods", obj)) is want


def test_scopes_choose_nothing_but_pods():
    assert not selects({"scopes": ["NotTerminating"]}, charge_of("/secrets", {}))


def test_containers_that_do_not_name_what_is_bounded():
    assert unnamed(pod(ASKS, {}), frozenset({"cpu", "limits.cpu"})) == {"cpu": ["c1"], "limits.cpu": ["c1"]}
