"""Controllers that act on all kinds act on custom ones from the moment that they are served."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, CUSTOMRESOURCEDEFINITIONS, NAMESPACES, Resource
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from control.errors import NotFound

Json = dict[str, Any]
THINGS = Resource("example.com", "v1", "things")


@pytest.fixture
async def client(running_api, background) -> AsyncIterator[ApiClient]:
    """An admin's client, with all controllers at work."""
    async with running_api.client("controllers") as theirs, running_api.client() as ours:
        config = ControllerConfig(ca_pem="-----BEGIN CERTIFICATE-----\nx\n")
        async with background(run_controllers(theirs, config)):
            yield ours


def definition() -> Json:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


def owned_by(name: str, owner: Json) -> Json:
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
    return {"metadata": {"name": name, "ownerReferences": [reference]}}


async def served(client: ApiClient) -> None:
    await client.create(CUSTOMRESOURCEDEFINITIONS, definition())
    async for event in client.watch(CUSTOMRESOURCEDEFINITIONS, initial=True):
        conditions = (event.object.get("status") or {}).get("conditions") or ()
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return


async def until_gone(client: ApiClient, resource: Resource, name: str, namespace: str | None) -> None:
    async with asyncio.timeout(30):
        async for event in client.watch(resource, namespace=namespace, initial=True):
            if event.type in ("BOOKMARK", "DELETED"):
                try:
                    await client.get(resource, name, namespace)
                except NotFound:
                    return


async def test_what_a_custom_object_owned_goes_with_it(client: ApiClient) -> None:
    await served(client)
    owner = await client.create(THINGS, {"metadata": {"name": "owner"}}, "default")
    child = await client.create(THINGS, owned_by("child", owner), "default")
    await client.create(CONFIGMAPS, owned_by("leaf", child), "default")
    await client.delete(THINGS, "owner", "default")
    await until_gone(client, THINGS, "child", "default")
    await until_gone(client, CONFIGMAPS, "leaf", "default")


async def test_a_namespace_takes_its_custom_objects_with_it(client: ApiClient) -> None:
    await served(client)
    await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
    await client.create(THINGS, {"metadata": {"name": "a"}}, "shop")
    await client.delete(NAMESPACES, "shop")
    await until_gone(client, NAMESPACES, "shop", None)
    with pytest.raises(NotFound):
        await client.get(THINGS, "a", "shop")
