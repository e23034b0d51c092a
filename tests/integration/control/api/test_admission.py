"""What the API writes into pods, and what it refuses."""

import pytest

from control.client.client import ApiClient
from control.client.resources import PODS, SERVICEACCOUNTS
from control.errors import Forbidden, Invalid
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
