"""Which resource an object of a batch is: a built-in one, one that the API serves, or one that the batch defines."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from control.client.client import ApiClient
from control.client.resources import CUSTOMRESOURCEDEFINITIONS, Resource
from control.errors import NotFound, NotReady
from control.lab.manifests import Manifest
from control.schema.resource import registry

DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_ESTABLISHED_S = 30.0


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the definitions of a batch will serve, by apiVersion and kind; all else the API is asked for."""

    defined: Mapping[tuple[str, str], Resource]

    @staticmethod
    def of(manifests: Sequence[Manifest]) -> "Kinds":
        """From the batch's CustomResourceDefinitions; what is wrong with one, the API will say."""
        return Kinds({kind: resource for one in manifests for kind, resource in _defined(one.object)})

    def is_defined(self, obj: Mapping[str, Any]) -> bool:
        """Whether the batch itself says what such an object may hold: it can be tried only after that."""
        return (obj["apiVersion"], obj["kind"]) in self.defined

    async def resource(self, client: ApiClient, obj: Mapping[str, Any]) -> Resource | None:
        """Where an object is served, or will be; None for a kind that nobody has defined."""
        api_version, kind = obj["apiVersion"], obj["kind"]
        row = registry().by_kind(api_version, kind)
        if row is not None:
            return Resource(row.group, row.version, row.plural, row.namespaced)
        if (here := self.defined.get((api_version, kind))) is not None:
            return here
        group, _, version = api_version.rpartition("/")
        try:
            told = orjson.loads(await client.request("GET", f"/apis/{quote(group)}/{quote(version)}"))
        except NotFound:
            return None
        for one in told["resources"]:
            if one["kind"] == kind and "/" not in one["name"]:
                return Resource(group, version, one["name"], one["namespaced"])
        return None


def is_definition(obj: Mapping[str, Any]) -> bool:
    """Whether it is a CustomResourceDefinition."""
    return (obj["apiVersion"], obj["kind"]) == DEFINITION


async def wait_established(client: ApiClient, names: set[str]) -> None:
    """Return once all these definitions are served. Raises NotReady with what they say of themselves."""
    waiting = dict.fromkeys(names, "is not established yet")
    try:
        async with asyncio.timeout(_ESTABLISHED_S):
            while waiting:
                await _take_established(client, waiting)
    except TimeoutError:
        told = "; ".join(f"{name} {why}" for name, why in sorted(waiting.items()))
        raise NotReady(f"CustomResourceDefinition {told}.", "podwire kubectl describe crd") from None


async def _take_established(client: ApiClient, waiting: dict[str, str]) -> None:
    """Take out of ``waiting`` what is established, until nothing is left or the watch ends."""
    listed = await client.list(CUSTOMRESOURCEDEFINITIONS)
    for definition in listed.items:
        _judge(definition, waiting)
    if not waiting:
        return
    since = listed.resource_version
    async with aclosing(client.watch(CUSTOMRESOURCEDEFINITIONS, resource_version=since)) as events:
        async for event in events:
            if event.type in ("ADDED", "MODIFIED"):
                _judge(event.object, waiting)
            if not waiting:
                return


def _judge(definition: Mapping[str, Any], waiting: dict[str, str]) -> None:
    name = definition["metadata"]["name"]
    if name not in waiting:
        return
    conditions = {one["type"]: one for one in (definition.get("status") or {}).get("conditions") or []}
    refused = conditions.get("NamesAccepted", {})
    if conditions.get("Established", {}).get("status") == "True":
        del waiting[name]
    elif refused.get("status") == "False":
        waiting[name] = f"is not served: {refused.get('message')}"


def _defined(obj: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Resource]]:
    if not is_definition(obj):
        return
    try:
        spec = obj["spec"]
        group, names, namespaced = spec["group"], spec["names"], spec["scope"] == "Namespaced"
        for version in spec["versions"]:
            found = Resource(group, version["name"], names["plural"], namespaced)
            yield (f"{group}/{version['name']}", names["kind"]), found
    except (KeyError, TypeError):
        return
