"""create, update, patch, delete: semantics and words of upstream."""

import time

import pytest

from control.client.client import ApiClient
from control.client.resources import (
    CONFIGMAPS,
    DEPLOYMENTS,
    NAMESPACES,
    NETWORKPOLICIES,
    PODS,
    SERVICEACCOUNTS,
    Resource,
)
from control.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    MethodNotSupported,
    NotFound,
    UnsupportedMediaType,
)
from tests.integration.control.api.objects import config, deployment, pod


async def test_a_created_object_has_what_the_api_gives_it(client: ApiClient) -> None:
    made = await client.create(CONFIGMAPS, config("a", x="y"), "default")

    meta = made["metadata"]
    assert made["data"] == {"x": "y"}
    assert meta["namespace"] == "default"
    assert len(meta["uid"]) == 36
    assert meta["creationTimestamp"].endswith("Z")
    assert int(meta["resourceVersion"]) > 0
    assert await client.get(CONFIGMAPS, "a", "default") == made


async def test_generate_name_gives_a_fresh_name(client: ApiClient) -> None:
    names = set()
    for _ in range(3):
        obj = config("")
        obj["metadata"] = {"generateName": "job-"}
        names.add((await client.create(CONFIGMAPS, obj, "default"))["metadata"]["name"])

    assert len(names) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


async def test_refusals_are_told_as_upstream_tells_them(client: ApiClient) -> None:
    await client.create(CONFIGMAPS, config("a"), "default")

    with pytest.raises(AlreadyExists, match=r'^configmaps "a" already exists$'):
        await client.create(CONFIGMAPS, config("a"), "default")
    with pytest.raises(NotFound, match=r'^configmaps "b" not found$') as missing:
        await client.get(CONFIGMAPS, "b", "default")
    assert missing.value.details == {"name": "b", "kind": "configmaps"}
    with pytest.raises(NotFound, match=r'^deployments.apps "b" not found$'):
        await client.get(DEPLOYMENTS, "b", "default")
    with pytest.raises(NotFound, match=r'^namespaces "nowhere" not found$'):
        await client.create(CONFIGMAPS, config("a"), "nowhere")
    with pytest.raises(BadRequest, match="does not match the namespace sent on the request"):
        await client.create(
            CONFIGMAPS, config("c") | {"metadata": {"name": "c", "namespace": "x"}}, "default"
        )
    with pytest.raises(NotFound, match="the server could not find the requested resource"):
        await client.list(Resource("", "v1", "gadgets"), "default")
    with pytest.raises(MethodNotSupported):
        await client.request("POST", "/api/v1/pods", body=pod("x"))
    with pytest.raises(UnsupportedMediaType):
        await client.request(
            "POST", "/api/v1/namespaces/default/configmaps", body=b"<a/>", content_type="text/xml"
        )
    with pytest.raises(Invalid, match="name or generateName is required"):
        await client.create(CONFIGMAPS, {"metadata": {}}, "default")
    with pytest.raises(Invalid, match=r'ConfigMap "A_b" is invalid: metadata.name'):
        await client.create(CONFIGMAPS, config("A_b"), "default")


async def test_an_update_from_a_stale_read_is_a_conflict(client: ApiClient) -> None:
    old = await client.create(CONFIGMAPS, config("a", x="1"), "default")
    await client.update(CONFIGMAPS, {**old, "data": {"x": "2"}})

    with pytest.raises(Conflict) as refused:
        await client.update(CONFIGMAPS, {**old, "data": {"x": "3"}})

    assert str(refused.value) == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified;'
        " please apply your changes to the latest version and try again"
    )


async def test_an_update_without_a_revision_is_unconditional(client: ApiClient) -> None:
    made = await client.create(CONFIGMAPS, config("a", x="1"), "default")
    changed = await client.update(
        CONFIGMAPS, {**config("a", x="2"), "metadata": {"name": "a", "namespace": "default"}}
    )

    assert changed["data"] == {"x": "2"}
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    assert changed["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]


async def test_an_update_that_changes_nothing_writes_nothing(client: ApiClient) -> None:
    made = await client.create(CONFIGMAPS, config("a", x="1"), "default")

    assert await client.update(CONFIGMAPS, made) == made
    assert await client.patch(CONFIGMAPS, "a", "default", {"data": {"x": "1"}}) == made


async def test_the_three_patches(client: ApiClient) -> None:
    await client.create(DEPLOYMENTS, deployment("web"), "default")

    merged = await client.patch(DEPLOYMENTS, "web", "default", {"spec": {"replicas": 4}})
    assert merged["spec"]["replicas"] == 4
    assert merged["metadata"]["generation"] == 2
    body = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "b"}]}}}}
    both = await client.patch(DEPLOYMENTS, "web", "default", body, patch_type="strategic")
    names = [one["name"] for one in both["spec"]["template"]["spec"]["containers"]]
    assert sorted(names) == ["main", "side"]
    steps = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
    none = await client.patch(DEPLOYMENTS, "web", "default", steps, patch_type="json")
    assert none["spec"]["replicas"] == 0


async def test_a_status_write_changes_the_status_alone(client: ApiClient) -> None:
    made = await client.create(DEPLOYMENTS, deployment("web", replicas=2), "default")
    wanted = {
        **made,
        "status": {"replicas": 2, "observedGeneration": 1},
        "spec": {**made["spec"], "replicas": 9},
    }

    after = await client.update(DEPLOYMENTS, wanted, subresource="status")
    assert after["status"]["replicas"] == 2
    assert after["spec"]["replicas"] == 2
    again = await client.update(DEPLOYMENTS, {**after, "status": {"replicas": 7}})
    assert again["status"]["replicas"] == 2


async def test_a_dry_run_stores_nothing(client: ApiClient) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    await client.request("POST", path, query={"dryRun": "All"}, body=config("a"))

    with pytest.raises(NotFound):
        await client.get(CONFIGMAPS, "a", "default")


async def test_unknown_fields_are_refused_when_asked_and_dropped_otherwise(client: ApiClient) -> None:
    obj = {**config("a"), "dta": {"x": "y"}}
    path = "/api/v1/namespaces/default/configmaps"

    with pytest.raises(BadRequest, match=r'strict decoding error: unknown field "dta"'):
        await client.request("POST", path, query={"fieldValidation": "Strict"}, body=obj)
    assert "dta" not in await client.create(CONFIGMAPS, obj, "default")


async def test_deletion_answers_as_upstream(client: ApiClient) -> None:
    made = await client.create(CONFIGMAPS, config("a"), "default")

    with pytest.raises(Conflict, match="Precondition failed: UID in precondition: other"):
        await client.delete(CONFIGMAPS, "a", "default", uid="other")
    status = await client.delete(CONFIGMAPS, "a", "default", uid=made["metadata"]["uid"])
    assert status["status"] == "Success"
    assert status["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}


async def test_finalizers_hold_an_object_until_they_are_gone(client: ApiClient) -> None:
    obj = config("a")
    obj["metadata"]["finalizers"] = ["podwire.dev/test"]
    await client.create(CONFIGMAPS, obj, "default")

    going = await client.delete(CONFIGMAPS, "a", "default")
    assert going["metadata"]["deletionTimestamp"]
    assert (await client.get(CONFIGMAPS, "a", "default"))["metadata"]["finalizers"] == ["podwire.dev/test"]
    await client.patch(CONFIGMAPS, "a", "default", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await client.get(CONFIGMAPS, "a", "default")


async def test_propagation_becomes_a_finalizer(client: ApiClient) -> None:
    for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
        name = policy.lower()
        await client.create(DEPLOYMENTS, deployment(name), "default")
        await client.delete(DEPLOYMENTS, name, "default", propagation=policy)  # type: ignore[arg-type]
        held = await client.get(DEPLOYMENTS, name, "default")
        assert held["metadata"]["finalizers"] == [finalizer]


async def test_a_running_pod_gets_its_grace_and_goes_when_its_kubelet_says_so(client: ApiClient) -> None:
    await client.create(PODS, pod("a", nodeName="node-1"), "default")

    going = await client.delete(PODS, "a", "default")
    assert going["metadata"]["deletionGracePeriodSeconds"] == 30
    sooner = await client.delete(PODS, "a", "default", grace_s=5)
    assert sooner["metadata"]["deletionGracePeriodSeconds"] == 5
    later = await client.delete(PODS, "a", "default", grace_s=60)
    assert later["metadata"]["deletionGracePeriodSeconds"] == 5
    await client.delete(PODS, "a", "default", grace_s=0)
    with pytest.raises(NotFound):
        await client.get(PODS, "a", "default")


async def test_an_unscheduled_pod_goes_at_once(client: ApiClient) -> None:
    await client.create(PODS, pod("a"), "default")
    await client.delete(PODS, "a", "default")

    with pytest.raises(NotFound):
        await client.get(PODS, "a", "default")


async def test_a_collection_is_deleted_by_selector(client: ApiClient) -> None:
    for name in ("a", "b", "c"):
        await client.create(CONFIGMAPS, config(name, {"keep": str(name == "c").lower()}), "default")
    await client.request(
        "DELETE", "/api/v1/namespaces/default/configmaps", query={"labelSelector": "keep=false"}
    )

    left = await client.list(CONFIGMAPS, "default")
    assert [one["metadata"]["name"] for one in left.items] == ["c"]


async def test_a_namespace_ends_when_its_finalizer_is_gone(client: ApiClient) -> None:
    made = await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
    assert made["spec"]["finalizers"] == ["kubernetes"]
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "shop"}
    assert made["status"]["phase"] == "Active"

    going = await client.delete(NAMESPACES, "shop")
    assert going["status"]["phase"] == "Terminating"
    with pytest.raises(Forbidden) as refused:
        await client.create(CONFIGMAPS, config("a"), "shop")
    assert str(refused.value) == (
        'configmaps "a" is forbidden: unable to create new content in namespace shop'
        " because it is being terminated"
    )
    assert refused.value.causes[0].reason == "NamespaceTerminating"
    await client.update(NAMESPACES, {**going, "spec": {"finalizers": []}}, subresource="finalize")
    with pytest.raises(NotFound):
        await client.get(NAMESPACES, "shop")


async def test_protected_namespaces_stay(client: ApiClient) -> None:
    with pytest.raises(Forbidden, match="this namespace may not be deleted"):
        await client.delete(NAMESPACES, "kube-system")


async def test_a_scale_is_read_and_written(client: ApiClient) -> None:
    await client.create(DEPLOYMENTS, deployment("web", replicas=2), "default")
    scale = await client.get(DEPLOYMENTS, "web", "default", subresource="scale")
    assert scale["kind"] == "Scale"
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"]["selector"] == "app=web"

    await client.update(DEPLOYMENTS, {**scale, "spec": {"replicas": 5}}, subresource="scale")
    await client.patch(DEPLOYMENTS, "web", "default", {"spec": {"replicas": 6}}, subresource="scale")
    assert (await client.get(DEPLOYMENTS, "web", "default"))["spec"]["replicas"] == 6


async def test_a_binding_gives_a_pod_its_node_once(client: ApiClient) -> None:
    await client.create(PODS, pod("a"), "default")
    target = {"target": {"kind": "Node", "name": "node-1"}, "metadata": {"name": "a"}}
    await client.create(PODS, target, "default", name="a", subresource="binding")

    bound = await client.get(PODS, "a", "default")
    assert bound["spec"]["nodeName"] == "node-1"
    assert {one["type"]: one["status"] for one in bound["status"]["conditions"]} == {"PodScheduled": "True"}
    with pytest.raises(Conflict, match='pod a is already assigned to node "node-1"'):
        await client.create(PODS, target, "default", name="a", subresource="binding")


async def test_a_job_without_a_service_account_is_refused(client: ApiClient) -> None:
    await client.create(NAMESPACES, {"metadata": {"name": "bare"}})

    with pytest.raises(Forbidden, match='serviceaccount "default" not found'):
        await client.create(PODS, pod("a"), "bare")
    await client.create(SERVICEACCOUNTS, {"metadata": {"name": "default"}}, "bare")
    await client.create(PODS, pod("a"), "bare")


async def test_an_apply_that_only_defaults_make_differ_writes_nothing(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
    }

    async def applied() -> str:
        made = await client.patch(
            NETWORKPOLICIES, "web", "default", policy, patch_type="apply", field_manager="ann"
        )
        return str(made["metadata"]["resourceVersion"])

    once = await applied()
    monkeypatch.setattr(
        "control.schema.apply.time.gmtime", lambda: time.struct_time((2040, 1, 1, 0, 0, 0, 0, 1, 0))
    )
    assert await applied() == once
