"""The kinds that the API server has now, as it tells them itself: for what must act on all kinds."""

from dataclasses import dataclass
from typing import Any

import orjson

from control.client.client import ApiClient
from control.client.resources import Resource


@dataclass(frozen=True, slots=True)
class KnownKind:
    """A resource, the kind of its objects, and what can be done with it."""

    resource: Resource
    kind: str
    verbs: frozenset[str]


async def discover(client: ApiClient) -> list[KnownKind]:
    """All kinds, each once, in the version that the server prefers; subresources are left out."""
    found = await _kinds(client, "/api/v1", "", "v1")
    for group in (await _get(client, "/apis")).get("groups") or ():
        preferred = group["preferredVersion"]
        path = f"/apis/{preferred['groupVersion']}"
        found += await _kinds(client, path, group["name"], preferred["version"])
    return found


async def _kinds(client: ApiClient, path: str, group: str, version: str) -> list[KnownKind]:
    resources = (await _get(client, path)).get("resources") or ()
    return [
        KnownKind(
            Resource(group, version, entry["name"], namespaced=bool(entry["namespaced"])),
            entry["kind"],
            frozenset(entry.get("verbs") or ()),
        )
        for entry in resources
        if "/" not in entry["name"]
    ]


async def _get(client: ApiClient, path: str) -> dict[str, Any]:
    answer = orjson.loads(await client.request("GET", path))
    return dict(answer)
