"""kubernetes-asyncio: typed calls, watches that resume, the dynamic client, leader election."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubernetes_asyncio import client as k8s
from kubernetes_asyncio import config, watch
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.dynamic import DynamicClient
from kubernetes_asyncio.leaderelection import electionconfig, leaderelection
from kubernetes_asyncio.leaderelection.resourcelock.leaselock import LeaseLock


@pytest.fixture
async def api(config_file: Path) -> AsyncIterator[k8s.ApiClient]:
    settings = k8s.Configuration()
    await config.load_kube_config(config_file=str(config_file), client_configuration=settings)
    async with k8s.ApiClient(settings) as one:
        yield one


def settings_map(name: str, **data: str) -> k8s.V1ConfigMap:
    return k8s.V1ConfigMap(metadata=k8s.V1ObjectMeta(name=name), data=data)


async def test_an_object_from_birth_to_death(api: k8s.ApiClient) -> None:
    core = k8s.CoreV1Api(api)
    made = await core.create_namespaced_config_map("default", settings_map("a", x="1"))
    made.data["x"] = "2"
    replaced = await core.replace_namespaced_config_map("a", "default", made)
    assert replaced.data == {"x": "2"}
    with pytest.raises(ApiException) as stale:
        await core.replace_namespaced_config_map("a", "default", made)
    assert (stale.value.status, stale.value.reason) == (409, "Conflict")
    patched = await core.patch_namespaced_config_map("a", "default", {"data": {"y": "3"}})
    assert patched.data == {"x": "2", "y": "3"}
    assert [one.metadata.name for one in (await core.list_namespaced_config_map("default")).items] == ["a"]
    await core.delete_namespaced_config_map("a", "default")
    with pytest.raises(ApiException) as gone:
        await core.read_namespaced_config_map("a", "default")
    assert gone.value.status == 404


async def test_a_watch_resumes_where_it_was_cut(api: k8s.ApiClient) -> None:
    core = k8s.CoreV1Api(api)
    await core.create_namespaced_config_map("default", settings_map("a"))
    first = watch.Watch()
    seen = []
    async with first.stream(core.list_namespaced_config_map, "default", timeout_seconds=10) as stream:
        async for event in stream:
            seen.append((event["type"], event["object"].metadata.name))
            break
    cut_at = first.resource_version
    await core.create_namespaced_config_map("default", settings_map("b"))
    await core.delete_namespaced_config_map("a", "default")
    follow = watch.Watch().stream(
        core.list_namespaced_config_map, "default", resource_version=cut_at, timeout_seconds=10
    )
    async with follow as stream:
        async for event in stream:
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 3:
                break

    assert seen == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


async def test_a_watch_from_a_revision_that_is_no_number_is_refused(api: k8s.ApiClient) -> None:
    stream = watch.Watch().stream(
        k8s.CoreV1Api(api).list_namespaced_config_map, "default", resource_version="soon"
    )
    with pytest.raises(ApiException) as refused:
        async for _ in stream:
            pass
    assert refused.value.status == 422


async def test_the_dynamic_client(api: k8s.ApiClient) -> None:
    async with DynamicClient(api) as dynamic:
        deployments = await dynamic.resources.get(api_version="apps/v1", kind="Deployment")
        labels = {"app": "web"}
        body = {
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "c", "image": "x"}]},
                },
            },
        }
        made = await deployments.create(body=body, namespace="default")
        assert made.spec.strategy.type == "RollingUpdate"
        applied = await deployments.server_side_apply(
            body={"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 4}},
            name="web",
            namespace="default",
            field_manager="test",
            force_conflicts=True,
        )  # fmt: skip
        assert applied.spec.replicas == 4
        listed = await deployments.get(namespace="default", label_selector="app!=web")
        assert [one.metadata.name for one in listed.items] == ["web"]


async def test_of_two_candidates_one_leads_and_the_other_follows_when_it_stops(api: k8s.ApiClient) -> None:
    led: list[str] = []
    changed = asyncio.Condition()

    def candidate(name: str) -> leaderelection.LeaderElection:
        async def started() -> None:
            async with changed:
                led.append(name)
                changed.notify_all()
            await asyncio.sleep(60)

        lock = LeaseLock("lead", "default", name, api)
        settings = electionconfig.Config(lock, 2, 1.5, 1, started, None)
        return leaderelection.LeaderElection(settings)

    tasks = {name: asyncio.create_task(candidate(name).run()) for name in ("one", "two")}
    try:
        async with asyncio.timeout(20), changed:
            await changed.wait_for(lambda: len(led) == 1)
        lease = await k8s.CoordinationV1Api(api).read_namespaced_lease("lead", "default")
        assert lease.spec.holder_identity == led[0]
        tasks[led[0]].cancel()
        async with asyncio.timeout(20), changed:
            await changed.wait_for(lambda: len(led) == 2)
        assert led[1] != led[0]
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
