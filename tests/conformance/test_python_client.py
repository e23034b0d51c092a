"""The official Python client on our API server: typed calls, watches, tokens, streams."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest
from kubernetes import client as k8s
from kubernetes import watch as k8s_watch
from kubernetes.client.exceptions import ApiException

from tests.integration.control.api.conftest import Served, authority, client, serve, served  # noqa: F401 (fixtures)

T = TypeVar("T")


@pytest.fixture
async def api(served: Served, client: Any) -> AsyncIterator[k8s.ApiClient]:  # noqa: F811
    """A synchronous client; calls go to threads, because the server lives in this loop."""
    from control.lab import pki

    subject = pki.Subject("python", ("system:masters",))
    pair = pki.issue(served.ca, served.directory, "python", subject, pki.Usage.CLIENT)
    settings = k8s.Configuration(host=served.url)
    settings.ssl_ca_cert = str(served.ca.files.cert)
    settings.cert_file, settings.key_file = str(pair.cert), str(pair.key)
    with k8s.ApiClient(settings) as one:
        yield one


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    return await asyncio.wait_for(asyncio.to_thread(function, *args, **kwargs), 20)


def web_pod(name: str) -> k8s.V1Pod:
    container = k8s.V1Container(name="main", image="nginx", ports=[k8s.V1ContainerPort(container_port=80)])
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(name=name, labels={"app": "web"}),
        spec=k8s.V1PodSpec(containers=[container]),
    )


async def test_pods_from_birth_to_death(api: k8s.ApiClient) -> None:
    core = k8s.CoreV1Api(api)
    made = await call(core.create_namespaced_pod, "default", web_pod("a"))
    assert made.status.phase == "Pending"
    assert made.metadata.creation_timestamp is not None

    listed = await call(core.list_pod_for_all_namespaces, label_selector="app=web", limit=10)
    assert [one.metadata.name for one in listed.items] == ["a"]
    patched = await call(core.patch_namespaced_pod, "a", "default", {"metadata": {"labels": {"x": "y"}}})
    assert patched.metadata.labels == {"app": "web", "x": "y"}
    await call(core.delete_namespaced_pod, "a", "default", grace_period_seconds=0)
    with pytest.raises(ApiException) as missing:
        await call(core.read_namespaced_pod, "a", "default")
    assert missing.value.status == 404


async def test_a_watch(api: k8s.ApiClient) -> None:
    core = k8s.CoreV1Api(api)
    seen: list[tuple[str, str]] = []
    started = threading.Event()

    def follow() -> None:
        stream = k8s_watch.Watch()
        started.set()
        for event in stream.stream(core.list_namespaced_config_map, "default", timeout_seconds=10):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 3:
                stream.stop()

    following = asyncio.create_task(call(follow))
    await call(started.wait)
    body = k8s.V1ConfigMap(metadata=k8s.V1ObjectMeta(name="a"), data={"x": "1"})
    await call(core.create_namespaced_config_map, "default", body)
    await call(core.patch_namespaced_config_map, "a", "default", {"data": {"x": "2"}})
    await call(core.delete_namespaced_config_map, "a", "default")
    await following

    # Begun before or after the create: the watch shows it once either way.
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_deployments_and_their_scale(api: k8s.ApiClient) -> None:
    apps = k8s.AppsV1Api(api)
    labels = {"app": "web"}
    spec = k8s.V1DeploymentSpec(
        replicas=0,
        selector=k8s.V1LabelSelector(match_labels=labels),
        template=k8s.V1PodTemplateSpec(metadata=k8s.V1ObjectMeta(labels=labels), spec=web_pod("x").spec),
    )
    body = k8s.V1Deployment(metadata=k8s.V1ObjectMeta(name="web"), spec=spec)
    made = await call(apps.create_namespaced_deployment, "default", body)
    assert made.spec.replicas == 0

    scaled = await call(apps.patch_namespaced_deployment_scale, "web", "default", {"spec": {"replicas": 4}})
    assert scaled.spec.replicas == 4
    read = await call(apps.read_namespaced_deployment, "web", "default")
    read.spec.replicas = 1
    replaced = await call(apps.replace_namespaced_deployment, "web", "default", read)
    assert replaced.metadata.generation == 3


async def test_a_service_account_token_is_an_identity(api: k8s.ApiClient, served: Served) -> None:  # noqa: F811
    request = k8s.AuthenticationV1TokenRequest(
        spec=k8s.V1TokenRequestSpec(audiences=[], expiration_seconds=600)
    )
    core = k8s.CoreV1Api(api)
    token = await call(core.create_namespaced_service_account_token, "default", "default", request)
    settings = k8s.Configuration(host=served.url)
    settings.ssl_ca_cert = str(served.ca.files.cert)
    settings.api_key = {"authorization": f"Bearer {token.status.token}"}
    with k8s.ApiClient(settings) as robot:
        review = await call(
            k8s.AuthenticationV1Api(robot).create_self_subject_review, k8s.V1SelfSubjectReview()
        )
    assert review.status.user_info.username == "system:serviceaccount:default:default"


async def test_discovery_and_version(api: k8s.ApiClient) -> None:
    groups = await call(k8s.ApisApi(api).get_api_versions)
    assert "apps" in [group.name for group in groups.groups]
    resources = await call(k8s.AppsV1Api(api).get_api_resources)
    assert "deployments/scale" in [one.name for one in resources.resources]
    assert (await call(k8s.VersionApi(api).get_code)).minor == "37"
