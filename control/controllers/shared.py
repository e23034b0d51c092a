"""The informers that all controllers share: one watch a resource, with the indexes that they ask for."""

import asyncio
from collections.abc import Iterable

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.informer import Informer
from control.client.resources import Resource
from control.controllers.metadata import Object, controller_of

OWNER = "owner"
NAMESPACE = "namespace"
NODE = "node"


def _owner_keys(obj: Object) -> Iterable[str]:
    reference = controller_of(obj)
    if reference:
        return (str(reference.get("uid")),)
    return (f"orphan/{obj['metadata'].get('namespace', '')}",)


def _namespace_keys(obj: Object) -> Iterable[str]:
    return (obj["metadata"].get("namespace", ""),)


def _node_keys(obj: Object) -> Iterable[str]:
    node = (obj.get("spec") or {}).get("nodeName")
    return (node,) if node else ()


class SharedInformers:
    """One informer for each resource that somebody asked for; ask before ``run``."""

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._informers: dict[Resource, Informer] = {}

    def of(self, resource: Resource) -> Informer:
        """The informer of a resource, indexed by OWNER, NAMESPACE and, for pods, NODE."""
        if resource not in self._informers:
            informer = Informer(self._client, resource, clock=self._clock)
            informer.index(OWNER, _owner_keys)
            informer.index(NAMESPACE, _namespace_keys)
            if resource.plural == "pods":
                informer.index(NODE, _node_keys)
            self._informers[resource] = informer
        return self._informers[resource]

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run them all in a task group."""
        for resource, informer in self._informers.items():
            group.create_task(informer.run(), name=f"informer {resource.plural}")

    async def wait(self) -> None:
        """Return once each has its first list."""
        for informer in list(self._informers.values()):
            await informer.synced.wait()


def candidates(informer: Informer, owner: Object) -> list[Object]:
    """Objects that an owner controls or might adopt: its own, and its namespace's orphans."""
    own = informer.by_index(OWNER, owner["metadata"]["uid"])
    return own + informer.by_index(OWNER, f"orphan/{owner['metadata']['namespace']}")
