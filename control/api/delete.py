"""delete and deletecollection: preconditions, finalizers, propagation, a pod's grace."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from control.api.admission.attempt import Admission, Attempt, Operation, WriteOptions
from control.api.custom.names import mark_terminating
from control.api.metadata import precondition, timestamp
from control.api.objects import attributes_of, key_of
from control.api.refusals import conflict, not_found
from control.api.request import Json
from control.api.views import parsed, to_stored
from control.api.write import Outcome, Target, released
from control.errors import BadRequest, InternalError
from control.schema.resource import ResourceRow
from control.store.contract import Entry, KeyMissing, RevisionMismatch, Store, WriteFailed

RETRIES: Final = 8
_DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
_POD_GRACE_S: Final = 30
_GRACE_MOST_S: Final = (1 << 31) - 1
"""A longer grace counts as this one, so that the time when it ends can be told."""
_ENDED: Final = ("Succeeded", "Failed")
_ORPHAN_BY_DEFAULT: Final = frozenset({"/replicationcontrollers", "batch/jobs"})


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How an object is to go. propagation: Background, Foreground, Orphan, or empty for the kind's default."""

    grace_s: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""

    @classmethod
    def parse(cls, body: Json, query: Mapping[str, str]) -> Self:
        """From a DeleteOptions body, else from the URL's parameters. Raises BadRequest."""
        given: Mapping[str, Any] = body or query
        wanted = body.get("preconditions") or {}
        propagation = given.get("propagationPolicy") or ""
        orphan = given.get("orphanDependents")
        if propagation and orphan is not None:
            raise BadRequest("orphanDependents and deletionPropagation cannot be both set")
        if propagation not in ("", "Background", "Foreground", "Orphan"):
            raise BadRequest(f'invalid propagationPolicy "{propagation}"')
        if orphan is not None:
            propagation = "Orphan" if str(orphan).lower() in ("true", "1") else "Background"
        grace = given.get("gracePeriodSeconds")
        try:
            grace_s = int(grace) if grace is not None else None
        except (TypeError, ValueError):
            raise BadRequest(f"gracePeriodSeconds: {grace!r} is no number") from None
        return cls(grace_s, propagation, wanted.get("uid") or "", wanted.get("resourceVersion") or "")


class Deleter:
    """Carries deletions through."""

    def __init__(self, store: Store, admission: Admission) -> None:
        self._store = store
        self._admission = admission

    async def delete(self, target: Target, how: DeleteOptions, options: WriteOptions) -> Outcome:
        """Delete, or mark as being deleted where something has to happen first. Raises NotFound, Conflict."""
        row = target.row
        key = key_of(row, target.namespace, target.name)
        for _ in range(RETRIES):
            have = self._store.get(key)
            if have is None:
                raise not_found(row, target.name)
            old = parsed(row, have)
            check_preconditions(row, old, how)
            attempt = Attempt(row, Operation.DELETE, target.namespace, target.name, options, old=old)
            self._admission.mutate(attempt)
            self._admission.validate(attempt)
            try:
                return await self._once(row, have, replace(how), options)
            except RevisionMismatch:
                continue
            except KeyMissing:
                raise not_found(row, target.name) from None
            except WriteFailed as error:
                raise InternalError(str(error)) from error
        raise conflict(row, target.name)

    async def _once(
        self, row: ResourceRow, have: Entry, how: DeleteOptions, options: WriteOptions
    ) -> Outcome:
        obj, before = parsed(row, have), parsed(row, have)
        set_finalizers(row, obj, how.propagation)
        if row.qualified == _DEFINITIONS and "deletionTimestamp" not in obj["metadata"]:
            mark_terminating(obj)
        if row.plural == "pods" and not row.group:
            mark_pod(obj, how.grace_s)
        else:
            mark(obj, 0)
        if row.plural == "namespaces" and not row.group:
            obj.setdefault("status", {})["phase"] = "Terminating"
        gone = released(row, obj)
        if options.dry_run or (not gone and obj == before):
            return Outcome(obj, have, gone)
        write = self._store.delete if gone else self._store.update
        kept = to_stored(row, obj)
        return Outcome(obj, await write(have.key, kept, attributes_of(row, kept), have.revision), gone)


def check_preconditions(row: ResourceRow, old: Json, how: DeleteOptions) -> None:
    """Raises Conflict when the object is not the one that was meant."""
    meta = old["metadata"]
    if how.uid and how.uid != meta["uid"]:
        raise conflict(row, meta["name"], precondition("UID", how.uid, meta["uid"]))
    if how.resource_version and how.resource_version != meta["resourceVersion"]:
        why = precondition("ResourceVersion", how.resource_version, meta["resourceVersion"])
        raise conflict(row, meta["name"], why)


def set_finalizers(row: ResourceRow, obj: Json, propagation: str) -> None:
    """The finalizers that make the garbage controller orphan or wait for the dependents."""
    meta = obj["metadata"]
    have: list[str] = meta.get("finalizers") or []
    if not propagation:
        if ORPHAN in have or FOREGROUND in have:
            return
        propagation = "Orphan" if f"{row.group}/{row.plural}" in _ORPHAN_BY_DEFAULT else "Background"
    wanted = [name for name in have if name not in (ORPHAN, FOREGROUND)]
    if propagation == "Orphan":
        wanted.append(ORPHAN)
    if propagation == "Foreground":
        wanted.append(FOREGROUND)
    if wanted:
        meta["finalizers"] = wanted
    else:
        meta.pop("finalizers", None)


def mark(obj: Json, grace_s: int) -> None:
    """Mark an object as being deleted; one that is marked already stays as it is."""
    meta = obj["metadata"]
    if "deletionTimestamp" in meta:
        return
    meta["deletionTimestamp"] = timestamp(datetime.now(UTC) + timedelta(seconds=grace_s))
    meta["deletionGracePeriodSeconds"] = grace_s
    if meta.get("generation"):
        meta["generation"] += 1


def mark_pod(obj: Json, asked_s: int | None) -> None:
    """A pod gets its grace (a second deletion may only shorten it); one that no kubelet runs gets none."""
    meta, spec = obj["metadata"], obj.get("spec", {})
    grace_s = asked_s if asked_s is not None else spec.get("terminationGracePeriodSeconds", _POD_GRACE_S)
    # Upstream: a negative grace means at once, from the kubelet too.
    grace_s = 1 if grace_s < 0 else min(grace_s, _GRACE_MOST_S)
    if not spec.get("nodeName") or obj.get("status", {}).get("phase") in _ENDED:
        grace_s = 0
    if "deletionTimestamp" not in meta:
        mark(obj, grace_s)
        return
    running_s = meta.get("deletionGracePeriodSeconds", 0)
    if asked_s is None or grace_s >= running_s:
        return
    due = datetime.fromisoformat(meta["deletionTimestamp"]) + timedelta(seconds=grace_s - running_s)
    meta["deletionTimestamp"] = timestamp(due)
    meta["deletionGracePeriodSeconds"] = grace_s
