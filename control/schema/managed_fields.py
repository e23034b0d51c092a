"""Who owns which fields: the sets that objects have, and what changes between two of them."""

from typing import Any

from control.schema.fieldset import FieldSet, member
from control.schema.granularity import Grain, below, children, grain, items
from control.schema.tables import Field, Message

Json = dict[str, Any]

_NEVER_OWNED = frozenset(
    ("name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields",
     "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds")
)  # fmt: skip


def owned_fields(of: Message, obj: Json) -> FieldSet:
    """All fields of an object that somebody can own: not its identity, kind and bookkeeping."""
    return _without_bookkeeping(_struct(of, obj))


def changed_fields(of: Message, new: Json, old: Json) -> tuple[FieldSet, FieldSet]:
    """Fields that ``new`` has and ``old`` has not, or otherwise; and fields that only ``old`` has."""
    changed, removed = _compare_struct(of, new, old)
    return _without_bookkeeping(changed), _without_bookkeeping(removed)


def _without_bookkeeping(fields: FieldSet) -> FieldSet:
    out = {step: rest for step, rest in fields.items() if step not in ("f:apiVersion", "f:kind", ".")}
    meta = out.get("f:metadata")
    if meta is not None:
        kept = {s: rest for s, rest in meta.items() if s.removeprefix("f:") not in _NEVER_OWNED and s != "."}
        out.pop("f:metadata")
        if kept:
            out["f:metadata"] = kept
    return out


def _value(field: Field, value: Any) -> FieldSet:
    """The set of one field's value."""
    kind = grain(field)
    if kind is Grain.LEAF or not value:
        return member()
    of = below(field)
    if kind is Grain.STRUCT and of is not None and isinstance(value, dict):
        return _struct(of, value) or member()
    if kind is Grain.MAP and isinstance(value, dict):
        return {f"f:{key}": _item(of, item) for key, item in value.items()}
    if kind in (Grain.KEYED, Grain.SET) and isinstance(value, list):
        return {step: _item(of, item) for step, item in items(field, value)}
    return member()


def _item(of: Message | None, item: Any) -> FieldSet:
    """An item of a list or map is itself a member, and so are its parts."""
    return member() | (_struct(of, item) if of is not None and isinstance(item, dict) else {})


def _struct(of: Message, value: Json) -> FieldSet:
    return {step: _value(field, child) for step, field, child in children(of, value)}


def _compare_struct(of: Message, new: Json, old: Json) -> tuple[FieldSet, FieldSet]:
    changed: FieldSet = {}
    removed: FieldSet = {}
    for step, field, value in children(of, new):
        name = field.name
        if name not in old:
            changed[step] = _value(field, value)
        elif old[name] != value:
            _keep(step, _compare_value(field, value, old[name]), changed, removed)
    for step, field, value in children(of, old):
        if field.name not in new:
            removed[step] = _value(field, value)
    return changed, removed


def _compare_value(field: Field, new: Any, old: Any) -> tuple[FieldSet, FieldSet]:
    kind, of = grain(field), below(field)
    if kind is Grain.LEAF or not new or not old or type(new) is not type(old):
        return _value(field, new), {}
    if kind is Grain.STRUCT and of is not None:
        return _compare_struct(of, new, old)
    if kind is Grain.MAP:
        return _compare_items(
            of, {f"f:{k}": v for k, v in new.items()}, {f"f:{k}": v for k, v in old.items()}
        )
    return _compare_items(of, dict(items(field, new)), dict(items(field, old)))


def _compare_items(of: Message | None, new: Json, old: Json) -> tuple[FieldSet, FieldSet]:
    changed: FieldSet = {}
    removed: FieldSet = {step: _item(of, value) for step, value in old.items() if step not in new}
    for step, value in new.items():
        if step not in old:
            changed[step] = _item(of, value)
        elif old[step] != value:
            if of is not None and isinstance(value, dict) and isinstance(old[step], dict):
                _keep(step, _compare_struct(of, value, old[step]), changed, removed)
            else:
                changed[step] = member()
    return changed, removed


def _keep(step: str, found: tuple[FieldSet, FieldSet], changed: FieldSet, removed: FieldSet) -> None:
    if found[0]:
        changed[step] = found[0]
    if found[1]:
        removed[step] = found[1]
