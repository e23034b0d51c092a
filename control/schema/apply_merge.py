"""The values of server-side apply: an applied object laid over a live one, and fields taken out again."""

from typing import Any

from control.schema.fieldset import FieldSet, is_member
from control.schema.granularity import Grain, below, children, grain, items
from control.schema.tables import Field, Message

Json = dict[str, Any]


def laid_over(of: Message, live: Json, applied: Json) -> Json:
    """``live`` with everything that ``applied`` says; neither is changed."""
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
    return _list(of, dict(items(field, live)), dict(items(field, applied)))


def _list(of: Message | None, live: Json, applied: Json) -> list[Any]:
    """Items by step: the applied ones in their order, a live one that is not applied where it stood among them.

    A walk along both at once. ``shared`` are the applied items that live has, in applied order; a live item that
    is shared is passed over while another shared one is due.
    """
    merged: dict[str, Any] = {}
    shared = [step for step in applied if step in live]
    left, right = list(live), list(applied)
    at = 0
    for step in right:
        while at < len(left) and left[at] != step:
            here = left[at]
            if here not in applied:
                merged[here] = live[here]
            elif here not in merged and (not shared or here == shared[0]):
                break
            at += 1
        have = live.get(step)
        merged[step] = laid_over(of, have, applied[step]) if of and isinstance(have, dict) else applied[step]
        if shared and shared[0] == step:
            del shared[0]
        at += at < len(left) and left[at] == step
    return list((merged | {step: live[step] for step in left[at:] if step not in applied}).values())


def without(of: Message, value: Json, last: FieldSet, kept: FieldSet) -> Json:
    """The object without what is in ``last`` and not in ``kept``.

    A struct or map of which nobody keeps anything goes as a whole, with the defaults that nobody owns, one in
    which nothing is left is null; an item of a list goes when nobody keeps the item itself, whatever others own inside of it.
    """
    out = dict(value)
    for step, field, child in children(of, value):
        if step not in last:
            continue
        if step not in kept:
            del out[field.name]
        elif child:
            out[field.name] = _reduced(field, child, last[step], kept[step]) or None
    return out


def _reduced(field: Field, value: Any, last: FieldSet, kept: FieldSet) -> Any:
    kind, of = grain(field), below(field)
    if kind is Grain.STRUCT and of is not None:
        return without(of, value, last, kept)
    if kind is Grain.MAP:
        pairs = [(f"f:{key}", key, item) for key, item in value.items()]
        return {
            key: _item(of, step, item, last, kept) for step, key, item in pairs if _stays(step, last, kept)
        }
    if kind in (Grain.KEYED, Grain.SET):
        return [
            _item(of, step, item, last, kept)
            for step, item in items(field, value)
            if _stays(step, last, kept)
        ]
    return value


def _stays(step: str, last: FieldSet, kept: FieldSet) -> bool:
    if step not in last or not is_member(last[step]):
        return True
    return step in kept and is_member(kept[step])


def _item(of: Message | None, step: str, item: Any, last: FieldSet, kept: FieldSet) -> Any:
    if of is None or step not in last or step not in kept or not isinstance(item, dict):
        return item
    return without(of, item, last[step], kept[step])
