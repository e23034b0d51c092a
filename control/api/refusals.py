"""Refusals in upstream's words and details. Pure."""

from collections.abc import Sequence
from typing import Any

from control.errors import (
    AlreadyExists,
    Cause,
    Conflict,
    Forbidden,
    Invalid,
    MethodNotSupported,
    NotFound,
    Timeout,
)
from control.schema.resource import ResourceRow


def details(row: ResourceRow, name: str, *, uid: str = "") -> dict[str, Any]:
    """Status.details of an object."""
    known = {"name": name, "group": row.group, "kind": row.plural, "uid": uid}
    return {key: value for key, value in known.items() if value}


def not_found(row: ResourceRow, name: str) -> NotFound:
    """No object of that name."""
    return NotFound(f'{row.qualified} "{name}" not found', details=details(row, name))


def no_such_resource() -> NotFound:
    """The URL names no resource that is served."""
    return NotFound("the server could not find the requested resource", details={})


def not_allowed() -> MethodNotSupported:
    """The resource has no such verb."""
    return MethodNotSupported("the server does not allow this method on the requested resource", details={})


def already_exists(row: ResourceRow, name: str) -> AlreadyExists:
    """The name is taken."""
    return AlreadyExists(f'{row.qualified} "{name}" already exists', details=details(row, name))


def conflict(row: ResourceRow, name: str, why: str = "") -> Conflict:
    """The object changed meanwhile, or a precondition does not hold."""
    reason = why or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    return Conflict(
        f'Operation cannot be fulfilled on {row.qualified} "{name}": {reason}', details=details(row, name)
    )


def forbidden(row: ResourceRow, name: str, why: str, causes: Sequence[Cause] = ()) -> Forbidden:
    """Known, and not allowed: ``why`` names the rule."""
    who = f'{row.qualified} "{name}"' if name else row.qualified
    return Forbidden(f"{who} is forbidden: {why}", causes=causes, details=details(row, name))


def invalid(row: ResourceRow, name: str, causes: Sequence[Cause]) -> Invalid:
    """Fields that are wrong, each named."""
    told = [f"{cause.field}: {cause.message}" for cause in causes]
    message = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    about = {"name": name, "group": row.group, "kind": row.kind}
    kind = f"{row.kind}.{row.group}" if row.group else row.kind
    return Invalid(
        f'{kind} "{name}" is invalid: {message}',
        causes=causes,
        details={key: value for key, value in about.items() if value},
    )


def invalid_options(verb: str, field: str, reason: str, why: str) -> Invalid:
    """A parameter of the URL that is wrong. verb: create, update, patch, delete."""
    kind = {"deletecollection": "Delete"}.get(verb, verb.capitalize()) + "Options"
    return Invalid(
        f'{kind}.meta.k8s.io "" is invalid: {field}: {why}',
        causes=[Cause(reason, why, field)],
        details={"group": "meta.k8s.io", "kind": kind},
    )


def too_large_revision(asked: int, have: int) -> Timeout:
    """A revision that is not there yet."""
    cause = Cause("ResourceVersionTooLarge", "Too large resource version", "")
    return Timeout(
        f"Too large resource version: {asked}, current: {have}",
        causes=[cause],
        details={"retryAfterSeconds": 1},
    )
