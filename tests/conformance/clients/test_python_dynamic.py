"""The official Python client's upper layers: the dynamic client, watches that resume, YAML, leader election."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client as k8s
from kubernetes import config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: x}]}
"""


@pytest.fixture
def api(config_file: Path) -> k8s.ApiClient:
    settings = k8s.Configuration()
    config.load_kube_config(config_file=str(config_file), client_configuration=settings)
    return k8s.ApiClient(settings)


def settings_map(name: str, **data: str) -> k8s.V1ConfigMap:
    return k8s.V1ConfigMap(metadata=k8s.V1ObjectMeta(name=name), data=data)


async def test_the_dynamic_client(call: Callable[..., Any], api: k8s.ApiClient) -> None:
    def work() -> None:
        maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
        made = maps.create(
            body={"metadata": {"name": "a", "labels": {"x": "1"}}, "data": {"k": "v"}}, namespace="default"
        )
        body = made.to_dict()
        body["data"]["k"] = "w"
        assert maps.replace(body=body, namespace="default").data.k == "w"
        with pytest.raises(ConflictError):
            maps.replace(body=body, namespace="default")
        patched = maps.patch(
            body={"data": {"z": "1"}},
            name="a",
            namespace="default",
            content_type="application/merge-patch+json",
        )
        assert patched.data.to_dict() == {"k": "w", "z": "1"}
        events = maps.watch(namespace="default", timeout=1)
        assert [(one["type"], one["object"].metadata.name) for one in events] == [("ADDED", "a")]
        maps.delete(namespace="default", label_selector="x=1")
        with pytest.raises(NotFoundError):
            maps.get(name="a", namespace="default")

    await call(work)


async def test_a_watch_resumes_and_is_told_when_it_is_too_old(
    call: Callable[..., Any], api: k8s.ApiClient
) -> None:
    core = k8s.CoreV1Api(api)

    def work() -> list[tuple[str, str]]:
        seen = []
        made = core.create_namespaced_config_map("default", settings_map("a"))
        core.create_namespaced_config_map("default", settings_map("b"))
        core.delete_namespaced_config_map("a", "default")
        follow = watch.Watch()
        stream = follow.stream(
            core.list_namespaced_config_map,
            "default",
            resource_version=made.metadata.resource_version,
            timeout_seconds=10,
        )
        for event in stream:
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 2:
                follow.stop()
        with pytest.raises(ApiException) as ahead:
            core.list_namespaced_config_map("default", resource_version="999999999")
        assert ahead.value.status == 504
        return seen

    assert await call(work) == [("ADDED", "b"), ("DELETED", "a")]


async def test_manifests_as_they_are(call: Callable[..., Any], api: k8s.ApiClient, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(MANIFEST)

    def work() -> None:
        utils.create_from_yaml(api, str(file))
        found = k8s.AppsV1Api(api).read_namespaced_stateful_set("web", "default")
        assert found.spec.pod_management_policy == "OrderedReady"
        with pytest.raises(utils.FailToCreateError, match="already exists"):
            utils.create_from_yaml(api, str(file))

    await call(work)


async def test_of_two_candidates_one_leads(call: Callable[..., Any], api: k8s.ApiClient) -> None:
    def candidate(name: str) -> leaderelection.LeaderElection:
        lock = LeaseLock("lead", "default", name)
        lock.api_instance = k8s.CoordinationV1Api(api)
        settings = electionconfig.Config(lock, 17, 15, 5, lambda: None, None)
        return leaderelection.LeaderElection(settings)

    def work() -> None:
        one, two = candidate("one"), candidate("two")
        assert one.try_acquire_or_renew()
        assert not two.try_acquire_or_renew()
        assert one.try_acquire_or_renew()
        assert not two.try_acquire_or_renew()
        # The holder falls silent: the lease has not changed for longer than it lasts.
        two.observed_time_milliseconds -= 18_000
        assert two.try_acquire_or_renew()
        assert not one.try_acquire_or_renew()

    await call(work)
    lease = await call(k8s.CoordinationV1Api(api).read_namespaced_lease, "lead", "default")
    assert lease.spec.holder_identity == "two"
