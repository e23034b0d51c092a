"""A write's parameters, read from its URL."""

from typing import Final

import orjson

from control.api.admission.attempt import FieldValidation, WriteOptions
from control.api.bodies import PATCHES
from control.api.refusals import invalid_options
from control.api.request import ApiRequest

_MANAGER_MOST: Final = 128


def write_options(request: ApiRequest) -> WriteOptions:
    """How a write is to be carried out. Raises Invalid, in upstream's words."""
    verb, query = request.route.verb, request.query
    given = query.get("fieldValidation", "") or "Warn"
    try:
        validation = FieldValidation(given)
    except ValueError:
        why = f'Unsupported value: "{given}": supported values: "Ignore", "Strict", "Warn"'
        raise invalid_options(verb, "fieldValidation", "FieldValueNotSupported", why) from None
    for wanted_run in request.http.query.getall("dryRun", []):
        if wanted_run not in ("", "All"):
            why = f'Unsupported value: "{wanted_run}": supported values: "All"'
            raise invalid_options(verb, "dryRun", "FieldValueNotSupported", why)
    _check_manager(verb, query.get("fieldManager", ""))
    if "force" in query and verb == "patch" and PATCHES.get(request.http.content_type) != "apply":
        why = "Forbidden: may not be specified for non-apply patch"
        raise invalid_options(verb, "force", "FieldValueForbidden", why)
    return WriteOptions(
        user=request.user,
        manager=request.manager,
        dry_run=request.dry_run,
        validation=validation,
        warnings=request.warnings,
    )


def as_apply(request: ApiRequest, options: WriteOptions) -> None:
    """Make the options those of a server-side apply. Raises Invalid."""
    manager = request.query.get("fieldManager", "")
    if not manager:
        why = "Required value: is required for apply patch"
        raise invalid_options("patch", "fieldManager", "FieldValueRequired", why)
    options.manager, options.force, options.applies = manager, request.flag("force"), True


def _check_manager(verb: str, manager: str) -> None:
    if len(manager.encode(errors="replace")) > _MANAGER_MOST:
        why = f"Too long: may not be more than {_MANAGER_MOST} bytes"
        raise invalid_options(verb, "fieldManager", "FieldValueTooLong", why)
    if not manager.isprintable():
        why = f"Invalid value: {orjson.dumps(manager).decode()}: should only contain printable characters"
        raise invalid_options(verb, "fieldManager", "FieldValueInvalid", why)
