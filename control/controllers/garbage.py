"""The garbage collector: what has lost its last owner goes, in the order that the deletion asked for."""

import asyncio
from collections.abc import Iterable
from typing import Literal, cast

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.informer import Informer
from control.client.resources import CUSTOMRESOURCEDEFINITIONS, Resource
from control.client.workqueue import WorkQueue
from control.controllers.garbage_plan import (
    FOREGROUND,
    ORPHAN,
    OwnerState,
    blocks,
    closes_ring,
    finalizers_of,
    judge,
    owner_uids,
    state_of,
    unblocked,
)
from control.controllers.kinds import KnownKind, discover
from control.controllers.metadata import Object, is_terminating, key_of, split_key, uid_of
from control.controllers.shared import SharedInformers
from control.errors import ApiError, NotFound

_OWNERS = "all owners"
_NEEDED = {"list", "watch", "delete", "patch"}
_REDISCOVER_S = 30.0
_FIRST_LOOK_S = 5.0
"""The rarer kinds are watched a little later: some sixty connections would slow a lab's start."""


class GarbageController(Controller):
    """Watches every kind that can be deleted; deletes dependents and removes its two finalizers."""

    def __init__(self, client: ApiClient, informers: SharedInformers, clock: Clock) -> None:
        super().__init__("garbage", WorkQueue(clock), self.reconcile)
        self._client, self._clock, self._shared = client, clock, informers
        self._watched: dict[str, Informer] = {}
        self._where: dict[str, str] = {}
        self._kinds: dict[tuple[str, str], KnownKind] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._definitions_changed = asyncio.Event()
        informers.of(CUSTOMRESOURCEDEFINITIONS).on_change(self._definition_changed)

    def watch(self, resources: Iterable[Resource]) -> None:
        """Add kinds whose informers run already or will be started by the shared informers."""
        for resource in resources:
            self._add(self._shared.of(resource))

    def _add(self, informer: Informer) -> None:
        name = f"{informer.resource.api_version}/{informer.resource.plural}"
        if name in self._watched:
            return
        self._watched[name] = informer
        informer.index(_OWNERS, owner_uids)
        informer.on_change(lambda old, new: self._changed(name, old, new))

    def _changed(self, resource: str, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._where[uid_of(new)] = f"{resource}|{key_of(new)}"
            before = old["metadata"].get("ownerReferences") if old is not None else None
            refers = owner_uids(new) and before != new["metadata"].get("ownerReferences")
            held = is_terminating(new) and set(finalizers_of(new)) & {FOREGROUND, ORPHAN}
            if refers or held:
                self.queue.add(f"{resource}|{key_of(new)}")
            if held and old is not None and not is_terminating(old):
                self._wake_dependents(uid_of(new))
            if refers and old is not None:  # an owner may wait for it no longer
                self._wake_owners(old)
        if old is not None and (new is None or uid_of(new) != uid_of(old)):
            self._where.pop(uid_of(old), None)
            self._wake_dependents(uid_of(old))
            self._wake_owners(old)

    def _dependents(self, uid: str) -> list[tuple[Informer, Object]]:
        return [(i, obj) for i in self._watched.values() for obj in i.by_index(_OWNERS, uid)]

    def _wake_owners(self, obj: Object) -> None:
        for owner in owner_uids(obj):
            if owner in self._where:
                self.queue.add(self._where[owner])

    def _wake_dependents(self, uid: str) -> None:
        for informer, obj in self._dependents(uid):
            resource = informer.resource
            self.queue.add(f"{resource.api_version}/{resource.plural}|{key_of(obj)}")

    async def follow_kinds(self, group: asyncio.TaskGroup) -> None:
        """Watch all kinds, new ones from the moment that their definition is established; never returns."""
        all_from = self._clock.monotonic() + _FIRST_LOOK_S
        pause_s = _FIRST_LOOK_S
        while True:
            await self._until_kinds_change(pause_s)
            self._definitions_changed.clear()
            try:
                kinds = await discover(self._client)
            except (ApiError, ApiUnreachable):
                kinds = None
            early_s = all_from - self._clock.monotonic()
            if kinds is not None:
                self._follow(kinds, group, custom_only=early_s > 0)
            pause_s = early_s if early_s > 0 else _REDISCOVER_S

    def _follow(self, kinds: Iterable[KnownKind], group: asyncio.TaskGroup, *, custom_only: bool) -> None:
        """Watch what is new, and watch no more what is served no more."""
        custom = {
            (definition["spec"]["group"], definition["spec"]["names"]["plural"])
            for definition in self._shared.of(CUSTOMRESOURCEDEFINITIONS).items.values()
        }
        self._kinds = {(known.resource.api_version, known.kind): known for known in kinds}
        served = {f"{known.resource.api_version}/{known.resource.plural}" for known in self._kinds.values()}
        for name in [name for name in self._tasks if name not in served]:
            self._tasks.pop(name).cancel()
            self._watched.pop(name)
            self._where = {uid: at for uid, at in self._where.items() if not at.startswith(f"{name}|")}
        for known in self._kinds.values():
            name = f"{known.resource.api_version}/{known.resource.plural}"
            if custom_only and (known.resource.group, known.resource.plural) not in custom:
                continue
            if known.verbs >= _NEEDED and name not in self._watched and known.resource.plural != "events":
                informer = Informer(self._client, known.resource, clock=self._clock)
                self._add(informer)
                self._tasks[name] = group.create_task(
                    self._run_informer(informer, known), name=f"garbage informer {known.resource.plural}"
                )

    async def _run_informer(self, informer: Informer, known: KnownKind) -> None:
        """Follow a kind. What went before it was followed is missed by no event: its dependents are judged now."""
        async with asyncio.TaskGroup() as group:
            group.create_task(informer.run(), name=f"garbage informer {known.resource.plural}")
            await informer.synced.wait()
            for name, other in self._watched.items():
                for key, obj in other.items.items():
                    owners = obj["metadata"].get("ownerReferences") or ()
                    if any((r["apiVersion"], r["kind"]) == _kind_of(known) for r in owners):
                        self.queue.add(f"{name}|{key}")

    async def _until_kinds_change(self, pause_s: float) -> None:
        """A definition came or went; or, as nobody tells all else, some time has passed."""
        told = asyncio.ensure_future(self._definitions_changed.wait())
        later = asyncio.ensure_future(self._clock.sleep(pause_s))
        try:
            await asyncio.wait({told, later}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            later.cancel()

    def _definition_changed(self, old: Object | None, new: Object | None) -> None:
        if _is_established(old) != _is_established(new):
            self._definitions_changed.set()

    async def reconcile(self, key: str) -> float | None:
        """Judge the object of that key (``apiVersion/plural|namespace/name``)."""
        name, _, object_key = key.partition("|")
        informer = self._watched.get(name)
        if informer is None:
            return None  # its kind is gone, and all its objects with it
        obj = informer.items.get(object_key)
        if obj is None:
            return None
        if is_terminating(obj):
            if FOREGROUND in finalizers_of(obj):
                await self._foreground(informer.resource, obj)
            elif ORPHAN in finalizers_of(obj):
                await self._orphan(informer.resource, obj)
            return None
        states = {
            str(r.get("uid")): await self._owner_state(obj, r)
            for r in obj["metadata"].get("ownerReferences") or ()
        }
        verdict = judge(obj, lambda uid: states[uid], has_dependents=bool(self._dependents(uid_of(obj))))
        if verdict.drop_owners:
            await self._drop_owners(informer.resource, obj, verdict.drop_owners)
        elif verdict.delete and closes_ring(obj, [one for _, one in self._dependents(uid_of(obj))]):
            await self._patch(informer.resource, obj, {"ownerReferences": unblocked(obj)})
        elif verdict.delete:
            await self._delete(informer.resource, obj, verdict.delete)
        return None

    async def _owner_state(self, obj: Object, reference: Object) -> OwnerState:
        """From our copies, or, where we have none of that owner, from the API itself."""
        where = self._where.get(reference["uid"])
        if where:
            name, _, object_key = where.partition("|")
            watched = self._watched.get(name)
            owner = watched.items.get(object_key) if watched is not None else None
            if owner and uid_of(owner) == reference["uid"]:
                return state_of(owner)
        known = self._kinds.get((reference["apiVersion"], reference["kind"]))
        if known is None:
            await self._learn_kinds()
            known = self._kinds.get((reference["apiVersion"], reference["kind"]))
        if known is None:
            return OwnerState.SOLID  # a kind that nobody knows: leave the object alone
        namespace = obj["metadata"].get("namespace") if known.resource.namespaced else None
        try:
            fresh = await self._client.get(known.resource, reference["name"], namespace)
        except NotFound:
            return OwnerState.DANGLING
        return state_of(fresh if uid_of(fresh) == reference["uid"] else None)

    async def _learn_kinds(self) -> None:
        for known in await discover(self._client):
            self._kinds[(known.resource.api_version, known.kind)] = known

    async def _foreground(self, resource: Resource, owner: Object) -> None:
        """Delete the dependents; the owner goes once none that blocks it is left (itself, if it owns itself, aside)."""
        uid = uid_of(owner)
        dependents = [(informer, one) for informer, one in self._dependents(uid) if uid_of(one) != uid]
        for informer, dependent in dependents:
            name = f"{informer.resource.api_version}/{informer.resource.plural}"
            if not is_terminating(dependent):
                self.queue.add(f"{name}|{key_of(dependent)}")
        if not any(blocks(dependent, uid) for _, dependent in dependents):
            await self._remove_finalizer(resource, owner, FOREGROUND)

    async def _orphan(self, resource: Resource, owner: Object) -> None:
        """Release the dependents, then let the owner go."""
        uid = frozenset({uid_of(owner)})
        for informer, dependent in self._dependents(uid_of(owner)):
            await self._drop_owners(informer.resource, dependent, uid)
        await self._remove_finalizer(resource, owner, ORPHAN)

    async def _drop_owners(self, resource: Resource, obj: Object, uids: frozenset[str]) -> None:
        kept = [r for r in obj["metadata"]["ownerReferences"] if r.get("uid") not in uids]
        await self._patch(resource, obj, {"ownerReferences": kept})

    async def _remove_finalizer(self, resource: Resource, obj: Object, finalizer: str) -> None:
        kept = [f for f in finalizers_of(obj) if f != finalizer]
        await self._patch(resource, obj, {"finalizers": kept})

    async def _patch(self, resource: Resource, obj: Object, metadata: Object) -> None:
        have = obj["metadata"]
        guarded = {"uid": have["uid"], "resourceVersion": have["resourceVersion"], **metadata}
        namespace, name = split_key(key_of(obj))
        try:
            await self._client.patch(resource, name, namespace or None, {"metadata": guarded})
        except NotFound:
            pass

    async def _delete(self, resource: Resource, obj: Object, propagation: str) -> None:
        namespace, name = split_key(key_of(obj))
        try:
            await self._client.delete(
                resource,
                name,
                namespace or None,
                uid=uid_of(obj),
                resource_version=obj["metadata"]["resourceVersion"],
                propagation=cast(Literal["Background", "Foreground", "Orphan"], propagation),
            )
        except NotFound:
            pass


def _kind_of(known: KnownKind) -> tuple[str, str]:
    return known.resource.api_version, known.kind


def _is_established(definition: Object | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
