"""create, update and patch: decode, default, mutate, validate, validating admission, store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from control.api.admission.attempt import Admission, Attempt, FieldValidation, Operation, WriteOptions
from control.api.metadata import check_kind, check_namespace, keep_for_update, set_for_create
from control.api.objects import attributes_of, key_of
from control.api.refusals import already_exists, conflict, invalid, not_found
from control.api.request import Json
from control.api.views import parsed, to_stored
from control.errors import InternalError, MethodNotSupported
from control.schema.apply import record_update
from control.schema.defaults import apply_defaults
from control.schema.resource import ResourceRow
from control.schema.strategy import prepare_create, prepare_update
from control.schema.structure import check
from control.schema.validate import validate_create, validate_update
from control.store.contract import Entry, KeyMissing, KeyTaken, RevisionMismatch, Store, WriteFailed

RETRIES = 8
"""How often a change that asks for no revision is tried again when another write came first."""

Make = Callable[[Json], Json]
"""The object now (which it may keep and share, not change) → the object wanted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write led to: the object as stored (as it would be, for a dry run), and whether it is gone now."""

    obj: Json
    entry: Entry | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Which object, and which part of it."""

    row: ResourceRow
    namespace: str
    name: str
    subresource: str = ""


class Writer:
    """Carries writes through their stages. Knows nothing of HTTP: bootstrap and subresources use it too."""

    def __init__(self, store: Store, admission: Admission) -> None:
        self._store = store
        self._admission = admission

    async def create(self, row: ResourceRow, namespace: str, obj: Json, options: WriteOptions) -> Outcome:
        """Store a new object (``obj`` becomes it). Raises AlreadyExists, Invalid, Forbidden, BadRequest."""
        if row.custom is not None and row.custom.terminating:
            raise MethodNotSupported("create not allowed while custom resource definition is terminating")
        check_kind(row, obj)
        check_namespace(row, obj, namespace)
        check_structure(row, obj, options)
        apply_defaults(row, obj)
        set_for_create(row, obj, lambda name: self._store.get(key_of(row, namespace, name)) is not None)
        name = obj["metadata"]["name"]
        key = key_of(row, namespace, name)
        if self._store.get(key) is not None:
            raise already_exists(row, name)
        attempt = Attempt(row, Operation.CREATE, namespace, name, options, new=obj)
        try:
            self._admission.mutate(attempt)
            prepare_create(row, obj)
            if causes := validate_create(row, obj):
                raise invalid(row, name, causes)
            self._admission.validate(attempt)
            if not options.applies:
                record_update(row, obj, None, manager=options.manager)
            if options.dry_run:
                _undo(attempt)
                return Outcome(obj)
            kept = to_stored(row, obj)
            return Outcome(obj, await self._store.create(key, kept, attributes_of(row, kept)))
        except KeyTaken:
            _undo(attempt)
            raise already_exists(row, name) from None
        except WriteFailed as error:
            _undo(attempt)
            raise InternalError(str(error)) from error
        except Exception:
            _undo(attempt)
            raise

    async def change(self, target: Target, make: Make, options: WriteOptions) -> Outcome:
        """Replace an object by what ``make`` makes of it, through all stages.

        ``make`` is called again when another write came first, unless its result asks for a revision: then
        Conflict. Raises NotFound, Conflict, Invalid, Forbidden, BadRequest.
        """
        row = target.row
        key = key_of(row, target.namespace, target.name)
        for _ in range(RETRIES):
            have = self._store.get(key)
            if have is None:
                raise not_found(row, target.name)
            old = parsed(row, have)
            new = make(old)
            check_kind(row, new)
            check_namespace(row, new, target.namespace)
            keep_for_update(row, new, old)
            check_structure(row, new, options)
            apply_defaults(row, new)
            attempt = Attempt(
                row, Operation.UPDATE, target.namespace, target.name, options, new, old, target.subresource
            )
            try:
                outcome = await self._settle(attempt, have)
                if options.dry_run:
                    _undo(attempt)
                return outcome
            except RevisionMismatch:
                _undo(attempt)
            except KeyMissing:
                _undo(attempt)
                raise not_found(row, target.name) from None
            except WriteFailed as error:
                _undo(attempt)
                raise InternalError(str(error)) from error
            except Exception:
                _undo(attempt)
                raise
        raise conflict(row, target.name)

    async def _settle(self, attempt: Attempt, have: Entry) -> Outcome:
        row, new, old = attempt.row, attempt.new, attempt.old
        assert new is not None
        assert old is not None
        self._admission.mutate(attempt)
        prepare_update(row, new, old, attempt.subresource)
        if causes := validate_update(row, new, old, attempt.subresource):
            raise invalid(row, attempt.name, causes)
        self._admission.validate(attempt)
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old or (attempt.options.applies and _differ_in_times_alone(new, old)):
            return Outcome(old, have)
        if not attempt.options.applies:
            base = _with_managers(old, new["metadata"].get("managedFields"))
            record_update(row, new, base, manager=attempt.options.manager, subresource=attempt.subresource)
        return await self.store(row, new, have, options=attempt.options)

    async def store(self, row: ResourceRow, new: Json, have: Entry, *, options: WriteOptions) -> Outcome:
        """Write ``new`` over ``have`` as it is; an object that is being deleted and held by nothing goes.

        Raises RevisionMismatch, KeyMissing, WriteFailed.
        """
        gone = released(row, new)
        if options.dry_run:
            return Outcome(new, gone=gone)
        write = self._store.delete if gone else self._store.update
        kept = to_stored(row, new)
        return Outcome(new, await write(have.key, kept, attributes_of(row, kept), have.revision), gone)

    async def amend(self, target: Target, make: Make, options: WriteOptions) -> Outcome:
        """As ``change``, but past admission and validation: for what the API itself writes (binding)."""
        key = key_of(target.row, target.namespace, target.name)
        for _ in range(RETRIES):
            have = self._store.get(key)
            if have is None:
                raise not_found(target.row, target.name)
            try:
                return await self.store(target.row, make(parsed(target.row, have)), have, options=options)
            except RevisionMismatch:
                continue
            except KeyMissing:
                raise not_found(target.row, target.name) from None
            except WriteFailed as error:
                raise InternalError(str(error)) from error
        raise conflict(target.row, target.name)


def check_structure(row: ResourceRow, obj: Json, options: WriteOptions) -> None:
    """Refuse wrong types; drop unknown fields, with a warning or a refusal as asked. Raises BadRequest."""
    meta = obj["metadata"]
    # Bookkeeping that clients send back as they got it: not checked again, and never refused.
    managed = meta.pop("managedFields", None)
    findings = check(row, obj)
    if isinstance(managed, list) and managed and all(map(_is_bookkeeping, managed)):
        meta["managedFields"] = managed
    findings.refuse(strict=options.validation is FieldValidation.STRICT)
    if options.validation is FieldValidation.WARN and findings.unknown:
        options.warnings.extend(findings.warnings())


def _is_bookkeeping(entry: Any) -> bool:
    """Whether an entry of managedFields is one: what a client made up itself is not heeded."""
    if type(entry) is not dict:
        return False
    texts = ("manager", "operation", "apiVersion", "time", "subresource")
    if any(type(entry.get(key, "")) is not str for key in texts):
        return False
    # An empty entry is how a client gives up all of it.
    return not entry or ("operation" in entry and _is_field_set(entry.get("fieldsV1")))


def _is_field_set(fields: Any) -> bool:
    return type(fields) is dict and all(map(_is_field_set, fields.values()))


def _with_managers(old: Json, given: Any) -> Json:
    """``old`` with the managed fields that the client wrote: kubectl moves fields from one manager to another so."""
    if not isinstance(given, list) or given == old["metadata"].get("managedFields"):
        return old
    return {**old, "metadata": {**old["metadata"], "managedFields": [one for one in given if one]}}


def released(row: ResourceRow, obj: Json) -> bool:
    """Whether an object that is being deleted is held by nothing any more."""
    meta = obj["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return not (row.plural == "namespaces" and not row.group and obj.get("spec", {}).get("finalizers"))


def _undo(attempt: Attempt) -> None:
    while attempt.undo:
        attempt.undo.pop()()


def _differ_in_times_alone(new: Json, old: Json) -> bool:
    """Is nothing else in two objects different than when their managers wrote last?

    Defaults are filled in after an apply was merged, so it can't tell by itself that it changed nothing; as
    upstream, such an apply writes nothing.
    """

    def timeless(obj: Json) -> Json:
        entries = obj["metadata"].get("managedFields") or []
        kept = [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
        return {**obj, "metadata": {**obj["metadata"], "managedFields": kept}}

    return timeless(new) == timeless(old)
