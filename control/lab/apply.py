"""Applies manifests: first all as a dry run, so that a wrong one changes nothing, then for real."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from control.client.client import ApiClient
from control.client.resources import DEPLOYMENTS, NAMESPACES, PODS, Resource
from control.errors import ApiError, ManifestInvalid, NotReady
from control.lab.apply_kinds import Kinds, is_definition, wait_established
from control.lab.manifests import Manifest

SOURCE_ANNOTATION = "podwire.dev/source"
MANAGER = "podwire"


class Trial(Enum):
    """A dry run, and what was changed before it."""

    ALONE = "nothing was changed"
    WITH_DEFINITIONS = "only the CustomResourceDefinitions were applied"


@dataclass(frozen=True, slots=True)
class Applied:
    """One object and what became of it: created, configured, unchanged."""

    manifest: Manifest
    outcome: str
    object: dict[str, Any]

    @property
    def title(self) -> str:
        """``service/web``, as kubectl says it."""
        return f"{self.object['kind'].lower()}/{self.object['metadata']['name']}"


Wanted = tuple[Manifest, Resource, dict[str, Any]]


async def apply_all(
    client: ApiClient, manifests: Sequence[Manifest], namespace: str, said: Callable[[Applied], None]
) -> list[Applied]:
    """Apply by server-side apply as manager ``podwire``, with the file and line in an annotation.

    namespace: for namespaced objects that name none. said: called after each. Raises ManifestInvalid with
    file, line and field when the API refuses one of them; then nothing was changed, but for the batch's
    CustomResourceDefinitions where an object of a kind that they define is what is refused.
    """
    kinds = Kinds.of(manifests)
    wanted = [
        (manifest, *_addressed(manifest, namespace, await kinds.resource(client, manifest.object)))
        for manifest in manifests
    ]
    coming = {
        obj["metadata"]["name"]
        for _, resource, obj in wanted
        if obj["kind"] == "Namespace" and await _version(client, resource, obj) is None
    }
    there = {item["metadata"]["name"] for item in (await client.list(NAMESPACES)).items}
    definitions = [one for one in wanted if is_definition(one[0].object)]
    others = [one for one in wanted if not is_definition(one[0].object)]
    for later in (False, True):
        # Objects of kinds that the batch defines can be tried only when their definitions are served.
        for manifest, resource, obj in wanted:
            if kinds.is_defined(manifest.object) is later:
                tried = Trial.WITH_DEFINITIONS if later and definitions else Trial.ALONE
                await _patch(client, manifest, resource, _for_dry_run(obj, coming - there), tried)
        if not later:
            applied = [await _apply(client, one, said) for one in definitions]
            if applied:
                await wait_established(client, {one.object["metadata"]["name"] for one in applied})
    return applied + [await _apply(client, one, said) for one in others]


async def _apply(client: ApiClient, wanted: Wanted, said: Callable[[Applied], None]) -> Applied:
    manifest, resource, obj = wanted
    before = await _version(client, resource, obj)
    after = await _patch(client, manifest, resource, obj, None)
    version = after["metadata"].get("resourceVersion")
    outcome = "created" if before is None else "unchanged" if before == version else "configured"
    applied = Applied(manifest, outcome, after)
    said(applied)
    return applied


def _addressed(
    manifest: Manifest, namespace: str, resource: Resource | None
) -> tuple[Resource, dict[str, Any]]:
    """The resource of an object, and the object with its namespace and source filled in."""
    obj = manifest.object
    if resource is None:
        raise ManifestInvalid(
            f"{manifest.where}: no kind {obj['kind']!r} in {obj['apiVersion']!r} is served.",
            "podwire kubectl api-resources",
        )
    meta = dict(obj["metadata"])
    if "name" not in meta:
        raise ManifestInvalid(
            f"{manifest.where}: metadata.name: apply needs a name, generateName can only be created.",
            "podwire kubectl create -f …",
        )
    if resource.namespaced:
        meta.setdefault("namespace", namespace)
    meta["annotations"] = {**(meta.get("annotations") or {}), SOURCE_ANNOTATION: manifest.where}
    return resource, {**obj, "metadata": meta}


def _for_dry_run(obj: dict[str, Any], coming: set[str]) -> dict[str, Any]:
    """In a namespace that only this batch makes, the dry run is a creation in ``default`` under a name of its own."""
    meta = obj["metadata"]
    if meta.get("namespace") not in coming:
        return obj
    name = f"{meta['name'][:40].rstrip('.-')}-{secrets.token_hex(4)}"
    return {**obj, "metadata": {**meta, "namespace": "default", "name": name}}


async def _version(client: ApiClient, resource: Resource, obj: dict[str, Any]) -> str | None:
    meta = obj["metadata"]
    try:
        found = await client.get(resource, meta["name"], meta.get("namespace"))
    except ApiError as error:
        if error.code == 404:
            return None
        raise
    return str(found["metadata"]["resourceVersion"])


async def _patch(
    client: ApiClient, manifest: Manifest, resource: Resource, obj: dict[str, Any], trial: Trial | None
) -> dict[str, Any]:
    meta = obj["metadata"]
    query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
    if trial is not None:
        query["dryRun"] = "All"
    try:
        answer = await client.request(
            "PATCH",
            resource.path(meta.get("namespace"), meta["name"]),
            query=query,
            body=obj,
            content_type="application/apply-patch+yaml",
        )
    except ApiError as error:
        raise refused(manifest, error, trial) from error

    result: dict[str, Any] = orjson.loads(answer)
    return result


def refused(manifest: Manifest, error: ApiError, trial: Trial | None) -> ManifestInvalid:
    """The API's refusal as a line of the file: one line a cause. trial: as what it was tried, None if for real."""
    changed = "what stands before it was applied" if trial is None else trial.value
    mend = f"mend it, and apply again; {changed}"
    if not error.causes:
        return ManifestInvalid(f"{manifest.where}: {manifest.title}: {error.message}", mend)
    lines = [
        f"{manifest.path}:{manifest.line_of(cause.field)}: {manifest.title}: {cause.field}: {cause.message}"
        for cause in error.causes
    ]
    return ManifestInvalid("\n".join(lines), mend)


async def wait_ready(client: ApiClient, applied: Sequence[Applied], within_s: float) -> None:
    """Return once the Deployments and bare Pods among the applied are ready; NotReady names the rest."""
    for resource, kind, ready in ((DEPLOYMENTS, "Deployment", _rolled_out), (PODS, "Pod", _pod_ready)):
        waiting = {
            (a.object["metadata"].get("namespace"), a.object["metadata"]["name"])
            for a in applied
            if a.object["kind"] == kind
        }
        if not waiting:
            continue
        try:
            async with asyncio.timeout(within_s):
                await _watch_until(client, resource, waiting, ready)
        except TimeoutError:
            names = ", ".join(sorted(f"{namespace}/{name}" for namespace, name in waiting))
            raise NotReady(
                f"Not ready after {within_s:g} s: {names}.", "podwire kubectl describe pods -A"
            ) from None


async def _watch_until(
    client: ApiClient,
    resource: Resource,
    waiting: set[tuple[str | None, str]],
    ready: Callable[[dict[str, Any]], bool],
) -> None:
    """Take out of ``waiting`` what is ready, until nothing is left."""
    while True:
        listed = await client.list(resource)
        for obj in listed.items:
            if ready(obj):
                waiting.discard((obj["metadata"].get("namespace"), obj["metadata"]["name"]))
        if not waiting:
            return
        async with aclosing(client.watch(resource, resource_version=listed.resource_version)) as events:
            async for event in events:
                meta = event.object["metadata"]
                if event.type == "MODIFIED" and ready(event.object):
                    waiting.discard((meta.get("namespace"), meta["name"]))
                if not waiting:
                    return


def _rolled_out(deployment: dict[str, Any]) -> bool:
    """As `kubectl rollout status` judges it."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("availableReplicas", 0) >= wanted
        and status.get("replicas", 0) <= max(wanted, status.get("updatedReplicas", 0))
    )


def _pod_ready(pod: dict[str, Any]) -> bool:
    status = pod.get("status") or {}
    if status.get("phase") == "Succeeded":
        return True
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or [])
