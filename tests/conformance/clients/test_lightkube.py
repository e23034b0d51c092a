"""lightkube: typed resources, apply, watches, waiting, logs, generic resources; both its halves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from lightkube import AsyncClient, Client, KubeConfig
from lightkube.core.exceptions import ApiError, ConditionError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Node, Pod
from lightkube.types import CascadeType, PatchType


@pytest.fixture
async def api(config_file: Path) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(config=KubeConfig.from_file(config_file), field_manager="test") as one:
        yield one


def web(**spec: Any) -> Deployment:
    labels = {"app": "web"}
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[Container(name="c", image="x")])
    )
    return Deployment(
        metadata=ObjectMeta(name="web", namespace="default"),
        spec=DeploymentSpec(selector=LabelSelector(matchLabels=labels), template=template, **spec),
    )


def settings(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


async def test_an_object_from_birth_to_death(api: AsyncClient) -> None:
    made = await api.create(settings("a", x="1"))
    made.data = {"x": "2"}
    replaced = await api.replace(made)
    assert replaced.data == {"x": "2"}
    with pytest.raises(ApiError) as stale:
        await api.replace(made)
    assert (stale.value.status.code, stale.value.status.reason) == (409, "Conflict")
    patched = await api.patch(ConfigMap, "a", {"data": {"y": "3"}}, patch_type=PatchType.MERGE)
    assert patched.data == {"x": "2", "y": "3"}
    assert [one.metadata.name async for one in api.list(ConfigMap, labels={"none": "such"})] == []
    assert [one.metadata.name async for one in api.list(ConfigMap, fields={"metadata.name": "a"})] == ["a"]
    await api.delete(ConfigMap, "a")
    with pytest.raises(ApiError) as gone:
        await api.get(ConfigMap, "a")
    assert gone.value.status.code == 404


async def test_lists_in_pieces(api: AsyncClient) -> None:
    for number in range(7):
        await api.create(settings(f"m{number}"))
    listed = api.list(ConfigMap, chunk_size=2)
    assert [one.metadata.name async for one in listed] == [f"m{number}" for number in range(7)]
    assert listed.resourceVersion


async def test_apply_owns_fields_and_gives_them_up(api: AsyncClient) -> None:
    first = await api.apply(web(replicas=2, paused=True), field_manager="one")
    assert (first.spec.replicas, first.spec.paused) == (2, True)
    with pytest.raises(ApiError, match="conflict"):
        await api.apply(web(replicas=3), field_manager="two")
    taken = await api.apply(web(replicas=3), field_manager="two", force=True)
    assert taken.spec.replicas == 3
    given_up = await api.apply(web(), field_manager="one")
    assert given_up.spec.replicas == 3
    assert not given_up.spec.paused


async def test_subresources(api: AsyncClient) -> None:
    await api.create(web(replicas=1))
    scale = await api.get(Deployment.Scale, "web", namespace="default")
    assert scale.spec.replicas == 1
    await api.replace(
        Deployment.Scale(metadata=scale.metadata, spec=ScaleSpec(replicas=5)), "web", namespace="default"
    )
    assert (await api.get(Deployment, "web", namespace="default")).spec.replicas == 5
    status = {"status": {"replicas": 5, "readyReplicas": 5}}
    seen = await api.patch(Deployment.Status, "web", status, namespace="default", patch_type=PatchType.MERGE)
    assert seen.status.readyReplicas == 5


async def test_a_watch_that_resumes(api: AsyncClient) -> None:
    made = await api.create(settings("a"))
    await api.patch(ConfigMap, "a", {"data": {"x": "1"}}, patch_type=PatchType.MERGE)
    await api.delete(ConfigMap, "a")
    seen = []
    async with asyncio.timeout(20):
        async for kind, obj in api.watch(ConfigMap, resource_version=made.metadata.resourceVersion):
            seen.append((kind, obj.metadata.name))
            if kind == "DELETED":
                break
    assert seen == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_waiting(api: AsyncClient) -> None:
    await api.create(web(replicas=1))
    waiting = asyncio.create_task(
        api.wait(Deployment, "web", for_conditions=["Available"], namespace="default")
    )
    failing = asyncio.create_task(
        api.wait(Deployment, "web", for_conditions=["Never"], raise_for_conditions=["Available"])
    )
    conditions = [{"type": "Available", "status": "True", "reason": "r", "message": "m"}]
    await api.patch(
        Deployment.Status, "web", {"status": {"conditions": conditions}}, patch_type=PatchType.MERGE
    )
    assert (await asyncio.wait_for(waiting, 20)).metadata.name == "web"
    with pytest.raises(ConditionError):
        await asyncio.wait_for(failing, 20)


async def test_whole_collections_and_cascades(api: AsyncClient) -> None:
    for name in ("a", "b", "c"):
        await api.create(settings(name))
    await api.deletecollection(ConfigMap)
    assert [one async for one in api.list(ConfigMap)] == []
    await api.create(web())
    await api.delete(Deployment, "web", cascade=CascadeType.FOREGROUND)
    going = await api.get(Deployment, "web")
    assert going.metadata.finalizers == ["foregroundDeletion"]


async def test_cluster_wide_and_generic_kinds(api: AsyncClient) -> None:
    assert (await api.create(Namespace(metadata=ObjectMeta(name="shop")))).status.phase == "Active"
    await api.create(Node(metadata=ObjectMeta(name="node-1", labels={"zone": "a"})))
    assert [one.metadata.name async for one in api.list(Node, labels={"zone": ["a", "b"]})] == ["node-1"]
    generic = create_namespaced_resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
    made = await api.create(generic(metadata={"name": "p", "namespace": "shop"}, spec={"maxUnavailable": 1}))
    assert made["spec"]["maxUnavailable"] == 1


async def test_the_synchronous_half(call: Callable[..., Any], config_file: Path) -> None:
    def work() -> tuple[str, list[str]]:
        api = Client(config=KubeConfig.from_file(config_file))
        api.create(
            Pod(metadata=ObjectMeta(name="p"), spec=PodSpec(containers=[Container(name="c", image="x")]))
        )
        phase = api.get(Pod, "p").status.phase
        # As upstream: a pod without a node has said nothing yet.
        return phase, list(api.log("p"))

    assert await call(work) == ("Pending", [])
