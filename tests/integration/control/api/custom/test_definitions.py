"""Definitions: how they are established, what they change when they change, and how they go."""

import asyncio
from typing import Any

import orjson
import pytest

from control.client.client import AGGREGATED, ApiClient
from control.client.resources import CUSTOMRESOURCEDEFINITIONS, Resource
from control.errors import ApiError, Invalid, MethodNotSupported, NotFound
from tests.integration.control.api.custom.crontabs import (
    CRONTABS,
    GROUP,
    NAME,
    OLD,
    condition,
    crontab,
    definition,
    established,
)

Json = dict[str, Any]
CRDS = CUSTOMRESOURCEDEFINITIONS


async def until_gone(client: ApiClient, name: str) -> None:
    """Return when the definition is deleted."""
    start = await client.list(CRDS)
    if all(one["metadata"]["name"] != name for one in start.items):
        return
    async for event in client.watch(
        CRDS, field_selector=f"metadata.name={name}", resource_version=start.resource_version
    ):
        if event.type == "DELETED":
            return


async def test_a_definition_is_established_with_its_names(client: ApiClient) -> None:
    made = await client.create(CRDS, definition())
    assert made["spec"]["names"]["singular"] == "crontab"
    assert made["spec"]["names"]["listKind"] == "CronTabList"
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert made["status"]["storedVersions"] == ["v1"]
    await client.delete(CRDS, NAME)
    await until_gone(client, NAME)
    seen = await established(client, definition())
    assert seen["status"]["acceptedNames"]["shortNames"] == ["ct"]
    names, served = condition(seen, "NamesAccepted"), condition(seen, "Established")
    assert (names["reason"], names["message"]) == ("NoConflicts", "no conflicts found")
    assert (served["reason"], served["message"]) == (
        "InitialNamesAccepted",
        "the initial names have been accepted",
    )


async def test_discovery_and_openapi_show_the_kind(crontabs: ApiClient) -> None:
    groups = orjson.loads(await crontabs.request("GET", "/apis", accept=AGGREGATED))["items"]
    group = next(one for one in groups if one["metadata"]["name"] == GROUP)
    assert [one["version"] for one in group["versions"]] == ["v1", "v1beta1"]
    kind = group["versions"][0]["resources"][0]
    assert (kind["resource"], kind["shortNames"], kind["categories"]) == ("crontabs", ["ct"], ["all"])
    assert [sub["subresource"] for sub in kind["subresources"]] == ["scale", "status"]
    index = orjson.loads(await crontabs.request("GET", "/openapi/v3"))["paths"]
    assert f"apis/{GROUP}/v1" in index
    schemas = orjson.loads(await crontabs.request("GET", f"/openapi/v3/apis/{GROUP}/v1"))["components"][
        "schemas"
    ]
    assert schemas["com.example.stable.v1.CronTab"]["properties"]["spec"]["required"] == ["cronSpec"]
    whole = orjson.loads(await crontabs.request("GET", "/openapi/v2"))
    assert "com.example.stable.v1.CronTab" in whole["definitions"]
    assert f"/apis/{GROUP}/v1/namespaces/{{namespace}}/crontabs/{{name}}/status" in whole["paths"]


async def test_a_kind_is_served_only_while_it_is_defined(client: ApiClient) -> None:
    with pytest.raises(NotFound, match="the server could not find the requested resource"):
        await client.list(CRONTABS)
    await established(client, definition())
    await client.list(CRONTABS)
    await client.delete(CRDS, NAME)
    await until_gone(client, NAME)
    with pytest.raises(NotFound):
        await client.list(CRONTABS)


async def test_a_name_that_is_taken_is_told(crontabs: ApiClient) -> None:
    other = definition()
    other["metadata"]["name"] = f"others.{GROUP}"
    other["spec"]["names"] = {"plural": "others", "kind": "CronTab", "shortNames": ["ct"]}
    await crontabs.create(CRDS, other)
    name = other["metadata"]["name"]
    async for event in crontabs.watch(CRDS, field_selector=f"metadata.name={name}", initial=True):
        if condition(event.object, "NamesAccepted"):
            said = condition(event.object, "NamesAccepted")
            # Of several conflicts upstream tells the last.
            assert (said["reason"], said["message"]) == (
                "ListKindConflict",
                '"CronTabList" is already in use',
            )
            assert said["status"] == "False"
            assert condition(event.object, "Established")["status"] == "False"
            break
    await crontabs.delete(CRDS, NAME)
    async for event in crontabs.watch(CRDS, field_selector=f"metadata.name={name}", initial=True):
        if condition(event.object, "Established").get("status") == "True":
            break  # the names are free again


async def test_a_changed_schema_holds_at_once_and_for_what_is_stored(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab(), "default")
    crd = await crontabs.get(CRDS, NAME)
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["fresh"] = {"type": "string", "default": "yes"}
    del spec["properties"]["image"]
    crd["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": ".spec.cronSpec"}]
    changed = await crontabs.update(CRDS, crd)
    assert changed["metadata"]["generation"] == 2
    shown = await crontabs.get(CRONTABS, "a", "default")
    assert (shown["spec"]["fresh"], shown["spec"].get("image")) == ("yes", None)
    assert (await crontabs.list(CRONTABS)).items[0]["spec"] == shown["spec"]
    found = await crontabs.list(CRONTABS, field_selector="spec.cronSpec=* * * * */5")
    assert len(found.items) == 1


async def test_what_became_wrong_blocks_no_change_elsewhere(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab(mode="one"), "default")
    crd = await crontabs.get(CRDS, NAME)
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["mode"]["enum"] = ["none"]
    await crontabs.update(CRDS, crd)
    await crontabs.patch(CRONTABS, "a", "default", {"spec": {"replicas": 2}})
    with pytest.raises(Invalid, match='Unsupported value: "many": supported values: "none"'):
        await crontabs.patch(CRONTABS, "a", "default", {"spec": {"mode": "many"}})


async def test_a_version_that_is_not_served_is_not_found_and_an_old_one_warns(crontabs: ApiClient) -> None:
    async with crontabs._open.get(f"{crontabs.url}/apis/{GROUP}/v1beta1/crontabs") as answer:
        assert f"{GROUP}/v1beta1 CronTab is deprecated" in answer.headers["Warning"]
    await crontabs.patch(
        CRDS,
        NAME,
        None,
        [{"op": "replace", "path": "/spec/versions/1/served", "value": False}],
        patch_type="json",
    )
    with pytest.raises(NotFound):
        await crontabs.list(OLD)
    await crontabs.list(CRONTABS)


async def test_the_storage_version_may_move(crontabs: ApiClient) -> None:
    await crontabs.create(CRONTABS, crontab(), "default")
    crd = await crontabs.get(CRDS, NAME)
    crd["spec"]["versions"][0]["storage"], crd["spec"]["versions"][1]["storage"] = False, True
    changed = await crontabs.update(CRDS, crd)
    assert changed["status"]["storedVersions"] == ["v1", "v1beta1"]
    assert (await crontabs.get(CRONTABS, "a", "default"))["apiVersion"] == f"{GROUP}/v1"
    assert (await crontabs.get(OLD, "a", "default"))["apiVersion"] == f"{GROUP}/v1beta1"


async def test_a_definition_goes_after_its_objects(crontabs: ApiClient) -> None:
    held = crontab()
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await crontabs.create(CRONTABS, held, "default")
    await crontabs.create(CRONTABS, crontab("free"), "default")
    going = await crontabs.delete(CRDS, NAME)
    assert going["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert condition(going, "Terminating")["reason"] == "InstanceDeletionPending"
    with pytest.raises(MethodNotSupported) as refused:
        await crontabs.create(CRONTABS, crontab("late"), "default")
    assert refused.value.message == "create not allowed while custom resource definition is terminating"
    async for event in crontabs.watch(CRONTABS, namespace="default", initial=True):
        if event.type != "BOOKMARK" and event.object["metadata"].get("deletionTimestamp"):
            break  # held by its own finalizer
    assert await crontabs.get(CRDS, NAME)
    await crontabs.patch(CRONTABS, "a", "default", {"metadata": {"finalizers": None}})
    await until_gone(crontabs, NAME)
    with pytest.raises(NotFound):
        await crontabs.list(CRONTABS)


async def test_a_restart_serves_the_objects_again(serve) -> None:
    async with serve() as one, one.client() as client:
        await established(client, definition())
        made = await client.create(CRONTABS, crontab(), "default")
    async with serve() as again, again.client() as client:
        assert await client.get(CRONTABS, "a", "default") == made
        found = await client.list(CRONTABS, field_selector="spec.image=img")
        assert [item["metadata"]["name"] for item in found.items] == ["a"]
        with pytest.raises(Invalid):
            await client.create(CRONTABS, crontab("b", replicas=50), "default")


async def test_a_restart_in_the_middle_of_a_deletion_ends_it(serve) -> None:
    async with serve() as one, one.client() as client:
        await established(client, definition())
        held = crontab()
        held["metadata"]["finalizers"] = ["example.com/hold"]
        await client.create(CRONTABS, held, "default")
        await client.delete(CRDS, NAME)
    async with serve() as again, again.client() as client:
        await client.patch(CRONTABS, "a", "default", {"metadata": {"finalizers": None}})
        await asyncio.wait_for(until_gone(client, NAME), 10)


async def test_watches_of_a_kind_that_changes_begin_anew(crontabs: ApiClient) -> None:
    async def follow() -> int:
        return len([event async for event in crontabs.watch(CRONTABS, initial=True) if event.type == "ADDED"])

    await crontabs.create(CRONTABS, crontab(), "default")
    watching = asyncio.create_task(follow())
    watched = crontabs.watch(CRONTABS, initial=True)
    assert (await anext(watched)).type == "ADDED"
    crd = await crontabs.get(CRDS, NAME)
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["more"] = {"type": "string"}
    await crontabs.update(CRDS, crd)
    assert [event.type async for event in watched] == ["BOOKMARK"]
    assert await asyncio.wait_for(watching, 10) in (0, 1)


async def test_names_of_built_in_kinds_are_no_custom_ones(client: ApiClient) -> None:
    """A CRD whose plural is services serves its own kind, with nothing of the built-in one's behaviour."""
    other = definition()
    other["metadata"]["name"] = "services.serving.example.dev"
    other["spec"] |= {"group": "serving.example.dev", "names": {"plural": "services", "kind": "Service"}}
    await established(client, other)
    resource = Resource("serving.example.dev", "v1", "services")
    obj = {"metadata": {"name": "a"}, "spec": {"cronSpec": "* * * * *"}}
    made = await client.create(resource, obj, "default")
    assert made["apiVersion"] == "serving.example.dev/v1"
    assert (await client.delete(resource, "a", "default"))["kind"] == "Status"
    with pytest.raises(ApiError):
        await client.get(resource, "a", "default", subresource="proxy")
