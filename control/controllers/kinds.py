"""The kinds that the API server has now, as it tells them itself: for what must act on all kinds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from control.client.client import AGGREGATED, ApiClient
from control.client.resources import Resource


@dataclass(frozen=True, slots=True)
class KnownKind:
    """A resource, the kind of its objects, and what can be done with it."""

    resource: Resource
    kind: str
    verbs: frozenset[str]


async def discover(client: ApiClient) -> list[KnownKind]:
    """All kinds, each once, in the most preferred version that has it; subresources are left out."""
    found: list[KnownKind] = []
    for path in ("/api", "/apis"):
        groups = orjson.loads(await client.request("GET", path, accept=AGGREGATED))
        for group in groups.get("items") or ():
            name, seen = group["metadata"].get("name", ""), set()
            for version in group["versions"]:
                for known in _kinds(name, version):
                    if known.resource.plural not in seen:
                        seen.add(known.resource.plural)
                        found.append(known)
    return found


def _kinds(group: str, version: dict[str, Any]) -> Iterator[KnownKind]:
    for entry in version["resources"]:
        resource = Resource(
            group, version["version"], entry["resource"], namespaced=entry["scope"] == "Namespaced"
        )
        yield KnownKind(resource, entry["responseKind"]["kind"], frozenset(entry.get("verbs") or ()))
