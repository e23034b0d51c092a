"""Sets of field paths in the form of managed fields (FieldsV1), and their algebra.

A node is a mapping from steps to nodes. Steps are ``f:NAME``, ``k:{keys as JSON}`` and ``v:VALUE``. ``{}`` is a
path that ends here; a path that ends here and also goes on has the step ``.``. Sets are never changed in place
and share their parts.
Source: Kubernetes, server-side apply, the form of metadata.managedFields.
"""

from collections.abc import Iterator
from typing import Any

import orjson

FieldSet = dict[str, Any]
MEMBER = "."
LEAF: FieldSet = {}
"""A path that ends: shared, never changed."""


def is_member(node: FieldSet) -> bool:
    """Does a path end here?"""
    return not node or MEMBER in node


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of either set."""
    out = dict(one)
    for step, node in other.items():
        out[step] = _union(out[step], node) if step in out else node
    return out


def _union(one: FieldSet, other: FieldSet) -> FieldSet:
    if one is other or one == other:
        return one
    both = union(one, other)
    if both and (is_member(one) or is_member(other)):
        both[MEMBER] = LEAF
    return both


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of one that are not members of the other; ``one`` itself when that takes nothing. O(the smaller)."""
    out = one
    steps = other if len(other) < len(one) else one
    for step in steps:
        if step == MEMBER or step not in one or step not in other:
            continue
        rest = _difference(one[step], other[step])
        if rest is one[step]:
            continue
        if out is one:
            out = dict(one)
        if rest is None:
            del out[step]
        else:
            out[step] = rest
    return out


def _difference(one: FieldSet, other: FieldSet) -> FieldSet | None:
    """None when nothing is left."""
    below = difference(one, other)
    stays = is_member(one) and not is_member(other)
    if below is one and (stays or not is_member(one)):
        return one
    left = {step: node for step, node in below.items() if step != MEMBER}
    if stays:
        return {**left, MEMBER: LEAF} if left else LEAF
    return left or None


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of both sets."""
    out: FieldSet = {}
    for step, node in one.items():
        if step == MEMBER or step not in other:
            continue
        both = intersection(node, other[step])
        if is_member(node) and is_member(other[step]):
            out[step] = {**both, MEMBER: LEAF} if both else LEAF
        elif both:
            out[step] = both
    return out


def paths(fields: FieldSet, above: str = "") -> Iterator[str]:
    """Members as conflicts name them, those of a level before what is below it.

    ``.spec.template.spec.containers[name="web"].image``
    """
    steps = [(above + _said(step), node) for step, node in sorted(fields.items()) if step != MEMBER]
    yield from (here for here, node in steps if is_member(node))
    for here, node in steps:
        yield from paths(node, here)


def _said(step: str) -> str:
    kind, _, value = step.partition(":")
    if kind == "f":
        return f".{value}"
    if kind == "k":
        keys = orjson.loads(value)
        return f"[{','.join(f'{name}={orjson.dumps(keys[name]).decode()}' for name in sorted(keys))}]"
    return f"[={value}]"
