"""ResourceQuota and LimitRange on a running API: refused in upstream's words, counted at once, and again after a restart."""

import asyncio
from typing import Any

import pytest

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, PODS, SERVICEACCOUNTS, SERVICES, Resource
from control.errors import ApiError, Forbidden, Invalid, NotFound
from tests.integration.control.api.objects import config, pod, service

QUOTAS = Resource("", "v1", "resourcequotas")
LIMITS = Resource("", "v1", "limitranges")


def asking(name: str, **requests: str) -> dict[str, Any]:
    obj = pod(name)
    obj["spec"]["containers"][0]["resources"] = {"requests": requests}
    return obj


async def quota(client: ApiClient, **hard: str) -> None:
    spec = {"hard": {name.replace("_", "."): amount for name, amount in hard.items()}}
    await client.create(QUOTAS, {"metadata": {"name": "small"}, "spec": spec}, "default")


async def used(client: ApiClient, **want: str) -> None:
    """Return when the quota's status says so."""
    wanted = {name.replace("_", "."): amount for name, amount in want.items()}
    for _ in range(500):
        status = (await client.get(QUOTAS, "small", "default"))["status"]
        if status.get("used") == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(status)


async def test_the_status_tells_hard_and_used(client: ApiClient) -> None:
    await client.create(PODS, asking("a", memory="1Gi"), "default")
    await quota(client, pods="2", requests_memory="3Gi")
    await used(client, pods="1", requests_memory="1Gi")
    await client.create(PODS, asking("b", memory="512Mi"), "default")
    await used(client, pods="2", requests_memory="1536Mi")
    await client.delete(PODS, "b", "default", grace_s=0)
    await used(client, pods="1", requests_memory="1Gi")
    await client.patch(PODS, "a", "default", {"status": {"phase": "Succeeded"}}, subresource="status")
    await used(client, pods="0", requests_memory="0")


async def test_what_would_exceed_is_refused_with_the_figures(client: ApiClient) -> None:
    await quota(client, pods="1", requests_cpu="1")
    await client.create(PODS, asking("a", cpu="600m"), "default")

    with pytest.raises(Forbidden) as refused:
        await client.create(PODS, asking("b", cpu="600m"), "default")
    assert str(refused.value) == (
        'pods "b" is forbidden: exceeded quota: small, requested: pods=1,requests.cpu=600m,'
        " used: pods=1,requests.cpu=600m, limited: pods=1,requests.cpu=1"
    )
    await client.patch(QUOTAS, "small", "default", {"spec": {"hard": {"pods": "5", "requests.cpu": "4"}}})
    await client.create(PODS, asking("b", cpu="600m"), "default")


async def test_containers_must_name_what_is_bounded(client: ApiClient) -> None:
    await quota(client, limits_cpu="1")
    with pytest.raises(Forbidden, match=r"failed quota: small: must specify limits\.cpu for: main"):
        await client.create(PODS, pod("a"), "default")


async def test_of_many_at_once_as_many_get_in_as_there_is_room(client: ApiClient) -> None:
    await quota(client, configmaps="7")
    names = [f"c{number}" for number in range(20)]
    answers = await asyncio.gather(
        *(client.create(CONFIGMAPS, config(name), "default") for name in names), return_exceptions=True
    )
    assert sum(isinstance(one, ApiError) for one in answers) == 13
    await used(client, configmaps="7")


async def test_a_write_that_fails_or_is_a_dry_run_counts_for_nothing(client: ApiClient) -> None:
    await quota(client, services="3", services_nodeports="1")  # `kubernetes` is one
    await client.create(SERVICES, service("a"), "default")
    path = SERVICES.path("default")
    for _ in range(3):
        with pytest.raises(Invalid):
            await client.create(SERVICES, service("b", clusterIP="1.2.3.4"), "default")
        await client.request("POST", path, query={"dryRun": "All"}, body=service("b"))
    await client.create(SERVICES, service("b"), "default")
    await client.patch(SERVICES, "b", "default", {"spec": {"type": "NodePort"}})
    with pytest.raises(Forbidden, match=r"requested: services.nodeports=1, used: services.nodeports=1"):
        await client.patch(SERVICES, "a", "default", {"spec": {"type": "NodePort"}})
    await used(client, services="3", services_nodeports="1")


async def test_a_restart_counts_what_is_stored(serve: Any) -> None:
    async with serve() as served, served.client() as client:
        await client.create(SERVICEACCOUNTS, {"metadata": {"name": "default"}}, "default")
        await quota(client, pods="1")
        await client.create(PODS, pod("a"), "default")
    async with serve() as served, served.client() as client:
        with pytest.raises(Forbidden, match="exceeded quota"):
            await client.create(PODS, pod("b"), "default")
        await used(client, pods="1")
        await client.delete(QUOTAS, "small", "default")
        await client.create(PODS, pod("b"), "default")
        with pytest.raises(NotFound):
            await client.get(QUOTAS, "small", "default")


async def test_a_limit_range_gives_defaults_and_keeps_bounds(client: ApiClient) -> None:
    container = {"type": "Container", "default": {"cpu": "200m"}, "max": {"cpu": "1"}}
    await client.create(
        LIMITS, {"metadata": {"name": "l"}, "spec": {"limits": [container]}}, "default"
    )  # fmt: skip
    made = await client.create(PODS, pod("a"), "default")
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "200m"},
        "requests": {"cpu": "200m"},
    }
    assert made["status"]["qosClass"] == "Burstable"
    obj = pod("b")
    obj["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2"}}
    with pytest.raises(Forbidden) as refused:
        await client.create(PODS, obj, "default")
    assert str(refused.value) == (
        'pods "b" is forbidden: maximum cpu usage per Container is 1, but limit is 2'
    )
    # A quota sees what the limits have filled in.
    await quota(client, limits_cpu="300m")
    with pytest.raises(Forbidden, match="exceeded quota"):
        await client.create(PODS, pod("c"), "default")
