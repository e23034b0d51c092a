"""kr8s: objects, watches, waiting for conditions, kinds that it looks up by discovery."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kr8s.asyncio
import pytest
from kr8s import NotFoundError, ServerError
from kr8s.asyncio.objects import ConfigMap, Deployment, Pod, new_class

from tests.integration.control.api.objects import config, pod

pytestmark = pytest.mark.filterwarnings("ignore:Kubernetes version.*is not supported:UserWarning")
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "x"}]},
        },
    },
}


@pytest.fixture
async def api(config_file: Path) -> Any:
    return await kr8s.asyncio.api(kubeconfig=str(config_file))


async def test_what_it_asks_first(api: Any) -> None:
    assert (await api.version())["minor"] == "37"
    assert "apps/v1" in [one async for one in api.api_versions()]
    resources = {(one["kind"], one["version"]) for one in await api.api_resources()}
    assert {("Pod", "v1"), ("Deployment", "apps/v1"), ("NetworkPolicy", "networking.k8s.io/v1")} <= resources
    assert await api.whoami() == "podwire-admin"


async def test_an_object_from_birth_to_death(api: Any) -> None:
    obj = await ConfigMap({**config("a", x="1"), "metadata": {"name": "a", "namespace": "default"}}, api=api)
    await obj.create()
    await obj.patch({"data": {"y": "2"}})
    assert obj.raw["data"] == {"x": "1", "y": "2"}
    await obj.patch([{"op": "remove", "path": "/data/x"}], type="json")
    await obj.label(tier="front")
    await obj.annotate(note="yes")
    again = await ConfigMap.get("a", namespace="default", api=api)
    assert (again.raw["data"], again.labels, again.annotations) == (
        {"y": "2"},
        {"tier": "front"},
        {"note": "yes"},
    )
    found = [
        one.name async for one in api.get("configmaps", label_selector="tier=front", namespace="default")
    ]
    assert found == ["a"]
    await obj.delete()
    assert not await obj.exists()
    with pytest.raises(NotFoundError):
        await ConfigMap.get("a", namespace="default", api=api)


async def test_a_deployment_is_scaled(api: Any) -> None:
    web = await Deployment(WEB, api=api)
    await web.create()
    await web.patch({"spec": {"replicas": 3}}, subresource="scale")
    await web.refresh()
    assert web.replicas == 3
    with pytest.raises(ServerError, match="Invalid value"):
        await web.patch({"spec": {"replicas": -1}})


async def test_waiting_hears_a_condition_and_an_end(api: Any) -> None:
    obj = await Pod({**pod("a"), "metadata": {"name": "a", "namespace": "default"}}, api=api)
    await obj.create()
    ready = asyncio.create_task(obj.wait("condition=Ready", timeout=20))
    conditions = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
    status = {"phase": "Running", "conditions": conditions}
    other = await Pod.get("a", namespace="default", api=api)
    await other.patch({"status": status}, subresource="status")
    await ready
    assert await obj.ready()
    gone = asyncio.create_task(obj.wait("delete", timeout=20))
    await other.delete(grace_period=0)
    await gone


async def test_a_watch_tells_every_change(api: Any) -> None:
    seen: list[tuple[str, str]] = []

    async def follow() -> None:
        async for kind, obj in api.watch("configmaps", namespace="default"):
            seen.append((kind, obj.name))
            if kind == "DELETED":
                return

    following = asyncio.create_task(follow())
    obj = await ConfigMap({**config("a"), "metadata": {"name": "a", "namespace": "default"}}, api=api)
    await obj.create()
    while not seen:
        await asyncio.sleep(0.01)
    await obj.patch({"data": {"x": "1"}})
    await obj.delete()
    await asyncio.wait_for(following, 20)
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_kind_that_it_has_no_class_for(api: Any) -> None:
    lease_class = new_class("Lease", "coordination.k8s.io/v1", namespaced=True)
    lease = await lease_class({"metadata": {"name": "l", "namespace": "default"}, "spec": {}}, api=api)
    await lease.create()
    assert [one.name async for one in api.get("leases.coordination.k8s.io", namespace="default")] == ["l"]


async def test_the_synchronous_half(call: Callable[..., Any], config_file: Path) -> None:
    def work() -> list[str]:
        api = kr8s.api(kubeconfig=str(config_file))
        return [one.name for one in api.get("namespaces")]

    assert "kube-system" in await call(work)
