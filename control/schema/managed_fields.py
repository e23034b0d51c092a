"""Who owns which fields: the sets that objects have, and what changes between two of them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from control.schema.fieldset import LEAF, MEMBER, FieldSet
from control.schema.granularity import Grain, below, children, grain, items, stepper
from control.schema.tables import Field, Message, OpenFields, message

Json = dict[str, Any]
Own = Callable[[Any], FieldSet]

_NEVER_OWNED = frozenset(
    "f:" + name
    for name in (
        "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields",
        "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
    )
)  # fmt: skip


def owned_fields(of: Message, obj: Json) -> FieldSet:
    """All fields that an applier of this object owns: not its identity, kind and bookkeeping."""
    return _without_bookkeeping(_struct(of.name, new=False)(obj))


def changed_fields(of: Message, new: Json, old: Json) -> tuple[FieldSet, FieldSet]:
    """Fields that ``new`` has and ``old`` has not, or otherwise; and fields that only ``old`` has.

    A struct, map or list that came or went as a whole is itself among them, beside its parts.
    """
    changed, removed = _compare_struct(of, new, old)
    return _without_bookkeeping(changed), _without_bookkeeping(removed)


def _without_bookkeeping(fields: FieldSet) -> FieldSet:
    meta = fields.get("f:metadata")
    if meta is None:
        return fields
    out = {step: node for step, node in fields.items() if step != "f:metadata"}
    kept = {step: node for step, node in meta.items() if step not in _NEVER_OWNED}
    if kept:
        out["f:metadata"] = kept
    return out


@cache
def _struct(name: str, *, new: bool) -> Own:
    """A message's closure: an object → its set. apiVersion and kind are no fields, so nobody owns them.

    new: the object came as a whole, so that containers within are members, too.
    """
    fields = message(name).json_fields
    steps = {field.name: ("f:" + field.name, _value(field, new=new)) for field in fields.values()}
    lookup = steps.get
    any_name = isinstance(fields, OpenFields)

    def own(obj: Json) -> FieldSet:
        out: FieldSet = {}
        for key, value in obj.items():
            known = lookup(key)
            if known is not None:
                step, inner = known
                out[step] = inner(value) if inner is not None and value else LEAF
            elif any_name and key not in ("apiVersion", "kind"):
                out["f:" + key] = LEAF
        return out

    return own


def _later(name: str, *, new: bool) -> Own:
    """The closure of a message, compiled at its first use (types may recurse)."""
    found: list[Own] = []

    def first(value: Json) -> FieldSet:
        if not found:
            found.append(_struct(name, new=new))
        return found[0](value)

    return first


def _value(field: Field, *, new: bool) -> Own | None:
    """The set of one field's value, which is not empty; None when it is always a leaf."""
    inner = _parts(field, new=new)
    if inner is None or not new:
        return inner
    return lambda value: {MEMBER: LEAF, **inner(value)}


def _parts(field: Field, *, new: bool) -> Own | None:
    """What is inside of one field's value; None when nothing has an owner of its own."""
    kind, of = grain(field), below(field)
    struct = _later(of.name, new=new) if of is not None and not of.atomic else None
    if kind is Grain.STRUCT:
        return struct
    if kind is Grain.MAP:
        return lambda value: {f"f:{key}": _item(struct, item) for key, item in value.items()}
    if kind is Grain.LEAF:
        return None
    step = stepper(field)
    return lambda value: {step(item): _item(struct, item) for item in value}


def _item(struct: Own | None, item: Any) -> FieldSet:
    """An item of a list or map is itself a member, and so are its parts."""
    return {MEMBER: LEAF, **struct(item)} if struct is not None and item else LEAF


def _whole(field: Field, value: Any) -> FieldSet:
    inner = _value(field, new=True)
    return inner(value) if inner is not None and value else LEAF


def _compare_struct(of: Message, new: Json, old: Json) -> tuple[FieldSet, FieldSet]:
    changed: FieldSet = {}
    removed: FieldSet = {}
    for step, field, value in children(of, new):
        name = field.name
        if name not in old:
            changed[step] = _whole(field, value)
        elif old[name] is not value and old[name] != value:
            found = _compare_value(field, value, old[name])
            if found is None:
                changed[step] = _whole(field, value)
            else:
                _keep(step, found, changed, removed)
    for step, field, value in children(of, old):
        if field.name not in new:
            removed[step] = _whole(field, value)
    return changed, removed


def _compare_value(field: Field, new: Any, old: Any) -> tuple[FieldSet, FieldSet] | None:
    """None when the value changed as a whole."""
    kind, of = grain(field), below(field)
    if new is None:
        new = type(old)()
    elif old is None:
        old = type(new)()
    if kind is Grain.LEAF or type(new) is not type(old):
        return None
    if kind is Grain.STRUCT and of is not None:
        return _compare_struct(of, new, old)
    if kind is Grain.MAP:
        return _compare_items(
            of, {f"f:{k}": v for k, v in new.items()}, {f"f:{k}": v for k, v in old.items()}
        )
    return _compare_items(of, dict(items(field, new)), dict(items(field, old)))


def _compare_items(of: Message | None, new: Json, old: Json) -> tuple[FieldSet, FieldSet]:
    of = None if of is not None and of.atomic else of
    struct = _struct(of.name, new=True) if of is not None else None
    changed: FieldSet = {}
    removed: FieldSet = {step: _item(struct, value) for step, value in old.items() if step not in new}
    for step, value in new.items():
        if step not in old:
            changed[step] = _item(struct, value)
        elif old[step] != value:
            if of is not None and isinstance(value, dict) and isinstance(old[step], dict):
                _keep(step, _compare_struct(of, value, old[step]), changed, removed)
            else:
                changed[step] = LEAF
    return changed, removed


def _keep(step: str, found: tuple[FieldSet, FieldSet], changed: FieldSet, removed: FieldSet) -> None:
    if found[0]:
        changed[step] = found[0]
    if found[1]:
        removed[step] = found[1]
