"""The values of server-side apply: an applied object laid over a live one, and fields taken out again."""

from typing import Any

from control.schema.fieldset import MEMBER, FieldSet
from control.schema.granularity import Grain, below, children, grain, items
from control.schema.tables import Field, Message

Json = dict[str, Any]


def laid_over(of: Message, live: Json, applied: Json) -> Json:
    """``live`` with everything that ``applied`` says; neither is changed. Keyed lists keep the live order."""
    out = dict(live)
    for _, field, value in children(of, applied):
        have = out.get(field.name)
        out[field.name] = value if have is None else _merged(field, have, value)
    return out


def _merged(field: Field, live: Any, applied: Any) -> Any:
    kind, of = grain(field), below(field)
    if kind is Grain.LEAF or applied is None or type(live) is not type(applied):
        return applied
    if kind is Grain.STRUCT and of is not None:
        return laid_over(of, live, applied)
    if kind is Grain.MAP:
        return live | {
            key: laid_over(of, live[key], value) if of is not None and key in live else value
            for key, value in applied.items()
        }
    merged = dict(items(field, live))
    for step, item in items(field, applied):
        have = merged.get(step)
        merged[step] = laid_over(of, have, item) if of is not None and isinstance(have, dict) else item
    return list(merged.values())


def without(of: Message, value: Json, fields: FieldSet) -> Json:
    """The object without the members of a set; what is left empty by that goes, too."""
    out = dict(value)
    for step, field, child in children(of, value):
        if step in fields:
            _put(out, field.name, _reduced(field, child, fields[step]))
    return out


def _reduced(field: Field, value: Any, fields: FieldSet) -> Any:
    kind, of = grain(field), below(field)
    if kind is Grain.LEAF or not value:
        return None if MEMBER in fields else value
    if kind is Grain.STRUCT and of is not None:
        return without(of, value, fields) or None
    if kind is Grain.MAP:
        kept = {key: _item(of, item, fields.get(f"f:{key}")) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    kept_items = [_item(of, item, fields.get(step)) for step, item in items(field, value)]
    return [item for item in kept_items if item is not None] or None


def _item(of: Message | None, item: Any, fields: FieldSet | None) -> Any:
    """None when the item itself is taken out."""
    if fields is None:
        return item
    if MEMBER in fields:
        return None
    return without(of, item, fields) if of is not None and isinstance(item, dict) else item


def _put(out: Json, name: str, value: Any) -> None:
    if value is None:
        out.pop(name, None)
    else:
        out[name] = value
