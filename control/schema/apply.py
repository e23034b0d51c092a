"""Server-side apply and managed fields: who owns what, conflicts, and giving fields up.

Source: KEP-555, and the Kubernetes documentation of server-side apply.
"""

import time
from functools import cache
from typing import Any

from control.errors import Cause, Conflict
from control.schema.apply_merge import laid_over, without
from control.schema.fieldset import FieldSet, difference, intersection, paths, union
from control.schema.managed_fields import changed_fields, owned_fields
from control.schema.resource import ResourceRow
from control.schema.structure import check
from control.schema.tables import message

Json = dict[str, Any]
Entry = dict[str, Any]


_IDENTITY: FieldSet = {"f:metadata": {"f:name": {}}}
"""Whoever gives up his labels does not give up the object's name."""


def apply_patch(
    row: ResourceRow, live: Json | None, patch: Json, *, manager: str, force: bool, subresource: str = ""
) -> Json:
    """The object after a server-side apply, with its managedFields. Neither argument is changed.

    subresource: through which it came. A manager has a set of fields for each; of ``status`` it is status alone.
    Raises Conflict with one cause for each field that another manager owns and the patch would change.
    """
    of = message(row.message)
    patch = _applicable(row, patch, subresource)
    wanted = owned_fields(of, patch)
    if live is None:
        return _managed(patch, [_entry(row, manager, "Apply", wanted, subresource)])
    entries = _entries(live)
    mine = next((e for e in entries if _is(e, manager, "Apply", subresource)), None)
    others = [entry for entry in entries if entry is not mine]
    would_change, _ = changed_fields(of, laid_over(of, live, patch), live)
    disputed = _disputes(others, intersection(wanted, would_change))
    if disputed and not force:
        raise _conflict(row, live, disputed)
    for entry, fields in disputed:
        entry["fieldsV1"] = difference(entry["fieldsV1"], fields)
    last: FieldSet = mine["fieldsV1"] if mine else {}
    kept = union(wanted, _IDENTITY)
    for entry in others:
        kept = union(kept, entry["fieldsV1"])
    merged = without(of, laid_over(of, live, patch), last, kept)
    _, gone = changed_fields(of, merged, live)
    for entry in others:
        entry["fieldsV1"] = difference(entry["fieldsV1"], gone)
    if mine is None or last != wanted or would_change:
        mine = _entry(row, manager, "Apply", wanted, subresource)
    return _managed(merged, [*others, mine])


def record_update(
    row: ResourceRow, new: Json, old: Json | None, *, manager: str, subresource: str = ""
) -> None:
    """Set ``new``'s metadata.managedFields after an ordinary write by ``manager``, in place.

    Fields that changed are the manager's from now on, and nobody else's; fields that went are nobody's.
    """
    if not row.message or not manager:
        return
    of = message(row.message)
    if old is None:
        changed, removed = changed_fields(of, new, _blank(row))
        if row.subresource("status") is not None:
            changed.pop("f:status", None)  # the server's first status is nobody's
    else:
        changed, removed = changed_fields(of, new, old)
    entries = _entries(old or {})
    if not changed and not removed:
        new["metadata"]["managedFields"] = entries
        return
    gone = union(changed, removed)
    mine: FieldSet = changed
    kept = []
    for entry in entries:
        fields = difference(entry["fieldsV1"], gone)
        if _is(entry, manager, "Update", subresource):
            mine = union(fields, changed)
        elif fields:
            kept.append(entry if fields is entry["fieldsV1"] else entry | {"fieldsV1": fields})
    if mine:
        kept.append(_entry(row, manager, "Update", mine, subresource))
    new["metadata"]["managedFields"] = kept


@cache
def _blank(row: ResourceRow) -> Json:
    """A kind's object of which nothing is said yet: what Go's zero value is in JSON."""
    obj: Json = {"metadata": {}}
    if row.custom is not None:
        return obj
    check(row, obj)
    return obj


def _applicable(row: ResourceRow, patch: Json, subresource: str) -> Json:
    """The patch without what apply never takes: bookkeeping, and status where it has a URL of its own.

    Through that URL it is the other way round.
    """
    meta = dict(patch.get("metadata") or {})
    meta.pop("managedFields", None)
    if subresource == "status":
        told = ("name", "namespace", "uid", "resourceVersion")
        kept: Json = {key: patch[key] for key in ("apiVersion", "kind", "status") if key in patch}
        return {**kept, "metadata": {key: meta[key] for key in told if key in meta}}
    out = {key: value for key, value in patch.items() if key != "status" or row.subresource("status") is None}
    return {**out, "metadata": meta}


def _entries(obj: Json) -> list[Entry]:
    """The managers of an object, as copies that may be changed."""
    return [dict(entry) for entry in obj.get("metadata", {}).get("managedFields") or []]


def _is(entry: Entry, manager: str, operation: str, subresource: str) -> bool:
    same = entry.get("manager") == manager and entry.get("operation") == operation
    return bool(same and entry.get("subresource", "") == subresource)


def _entry(row: ResourceRow, manager: str, operation: str, fields: FieldSet, subresource: str = "") -> Entry:
    entry = {
        "manager": manager,
        "operation": operation,
        "apiVersion": row.api_version,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return entry | ({"subresource": subresource} if subresource else {})


def _managed(obj: Json, entries: list[Entry]) -> Json:
    """With the managers that own something."""
    held = [entry for entry in entries if entry["fieldsV1"]]
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": {**meta, "managedFields": held} if held else meta}


def _disputes(others: list[Entry], fields: FieldSet) -> list[tuple[Entry, FieldSet]]:
    """Managers that own some of the fields, and which."""
    found = ((entry, intersection(entry["fieldsV1"], fields)) for entry in others)
    return [(entry, shared) for entry, shared in found if shared]


def _conflict(row: ResourceRow, live: Json, disputed: list[tuple[Entry, FieldSet]]) -> Conflict:
    """Upstream's message: one conflict in one line, several as a list by manager."""
    causes: list[Cause] = []
    lines = []
    count = sum(len(list(paths(fields))) for _, fields in disputed)
    for entry, fields in sorted(disputed, key=lambda pair: (pair[0]["manager"], pair[0]["operation"])):
        named = list(paths(fields))
        said = f'with "{entry["manager"]}"'
        if entry.get("subresource"):
            said += f' with subresource "{entry["subresource"]}"'
        if entry["operation"] == "Update":
            said += f" using {entry['apiVersion']}"
            if entry.get("time"):
                said += f" at {entry['time']}"
        causes += [Cause("FieldManagerConflict", f"conflict {said}", path) for path in named]
        one = f"conflict {said}: {named[0]}"
        lines.append(one if count == 1 else f"conflicts {said}:\n- " + "\n- ".join(named))
    message_text = f"Apply failed with {count} conflict{'' if count == 1 else 's'}: " + "\n".join(lines)
    details = {"group": row.group, "kind": row.plural, "name": live["metadata"].get("name", "")}
    return Conflict(message_text, causes=causes, details={k: v for k, v in details.items() if v})
