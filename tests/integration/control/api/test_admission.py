"""What the API writes into pods, and what it refuses."""

import asyncio

import pytest

from control.client.client import ApiClient
from control.client.resources import PODDISRUPTIONBUDGETS, PODS, PRIORITYCLASSES, SERVICEACCOUNTS
from control.errors import Forbidden, Invalid, TooManyRequests
from tests.integration.control.api.objects import pod

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


async def test_a_pod_is_filled_in_as_upstream_does(client: ApiClient) -> None:
    made = await client.create(PODS, pod("a"), "default")

    spec, status = made["spec"], made["status"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert (spec["restartPolicy"], spec["schedulerName"]) == ("Always", "default-scheduler")
    assert [(one["key"], one["tolerationSeconds"]) for one in spec["tolerations"]] == [
        ("node.kubernetes.io/not-ready", 300),
        ("node.kubernetes.io/unreachable", 300),
    ]
    assert (status["phase"], status["qosClass"]) == ("Pending", "BestEffort")


async def test_the_token_is_mounted_into_every_container(client: ApiClient) -> None:
    obj = pod("a")
    obj["spec"]["initContainers"] = [{"name": "first", "image": "x"}]
    spec = (await client.create(PODS, obj, "default"))["spec"]

    volume = spec["volumes"][0]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    for container in (*spec["containers"], *spec["initContainers"]):
        mount = {"name": volume["name"], "readOnly": True, "mountPath": TOKEN_PATH}
        assert container["volumeMounts"] == [mount]


async def test_the_token_is_not_mounted_when_pod_or_account_say_so(client: ApiClient) -> None:
    made = await client.create(PODS, pod("a", automountServiceAccountToken=False), "default")
    assert "volumes" not in made["spec"]
    account = {"metadata": {"name": "quiet"}, "automountServiceAccountToken": False}
    await client.create(SERVICEACCOUNTS, account, "default")
    made = await client.create(PODS, pod("b", serviceAccountName="quiet"), "default")
    assert "volumes" not in made["spec"]


async def test_tolerations_of_ones_own_are_kept(client: ApiClient) -> None:
    all_of_them = [{"operator": "Exists"}]
    made = await client.create(PODS, pod("a", tolerations=all_of_them), "default")
    assert made["spec"]["tolerations"] == all_of_them


async def test_a_privileged_container_is_refused_with_its_reason(client: ApiClient) -> None:
    obj = pod("a")
    obj["spec"]["containers"][0]["securityContext"] = {"privileged": True}

    with pytest.raises(Forbidden) as refused:
        await client.create(PODS, obj, "default")
    assert 'pods "a" is forbidden: spec.containers[0].securityContext.privileged' in str(refused.value)


async def test_a_class_that_does_not_exist_and_a_pod_without_containers(client: ApiClient) -> None:
    with pytest.raises(Forbidden, match="no PriorityClass with name gold was found"):
        await client.create(PODS, pod("a", priorityClassName="gold"), "default")
    with pytest.raises(Invalid, match=r'Pod "a" is invalid: spec.containers: Required value'):
        await client.create(PODS, {"metadata": {"name": "a"}, "spec": {}}, "default")


async def test_a_pod_has_the_priority_of_its_class_or_of_the_default(client: ApiClient) -> None:
    gold = {"metadata": {"name": "gold"}, "value": 1000, "preemptionPolicy": "Never"}
    await client.create(PRIORITYCLASSES, gold)
    made = await client.create(PODS, pod("a", priorityClassName="gold"), "default")
    assert (made["spec"]["priority"], made["spec"]["preemptionPolicy"]) == (1000, "Never")

    await client.create(PRIORITYCLASSES, {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True})
    made = await client.create(PODS, pod("b"), "default")
    assert (made["spec"]["priority"], made["spec"]["priorityClassName"]) == (7, "usual")


async def test_a_budget_gives_its_last_disruption_to_one_of_two(client: ApiClient) -> None:
    budget = {
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    await client.create(PODDISRUPTIONBUDGETS, budget, "default")
    for name in ("a", "b"):
        obj = pod(name, nodeName="node-1")
        obj["metadata"]["labels"] = {"app": "web"}
        await client.create(PODS, obj, "default")
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await client.patch(PODS, name, "default", {"status": ready}, subresource="status")

    async def evict(name: str) -> object:
        body = {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": name}}
        return await client.create(PODS, body, "default", name=name, subresource="eviction")

    with pytest.raises(TooManyRequests, match="it would violate the pod's disruption budget"):
        await evict("a")
    counted = {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1}
    status = {"status": {**counted, "expectedPods": 2}}
    await client.patch(PODDISRUPTIONBUDGETS, "b", "default", status, subresource="status")
    results = await asyncio.gather(evict("a"), evict("b"), return_exceptions=True)
    assert [type(result) for result in results].count(TooManyRequests) == 1
    after = await client.get(PODDISRUPTIONBUDGETS, "b", "default")
    assert len(after["status"]["disruptedPods"]) == 1
