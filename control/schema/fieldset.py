"""Sets of field paths, in the form of managed fields (FieldsV1): nested mappings, ``.`` marks a member.

``{"f:spec": {"f:replicas": {".": {}}}}`` holds one path. Steps are ``f:NAME``, ``k:{keys as JSON}`` and
``v:VALUE``. In FieldsV1 a member without children is written ``{}``.
Source: Kubernetes, server-side apply, the form of metadata.managedFields.
"""

from collections.abc import Iterator
from typing import Any

import orjson

FieldSet = dict[str, Any]
MEMBER = "."


def member() -> FieldSet:
    """A path that ends here."""
    return {MEMBER: {}}


def from_v1(fields: dict[str, Any]) -> FieldSet:
    """FieldsV1 as stored → a set in which every member is marked."""
    return {step: from_v1(below) or member() for step, below in fields.items() if step != MEMBER} | (
        {MEMBER: {}} if MEMBER in fields else {}
    )


def to_v1(fields: FieldSet) -> dict[str, Any]:
    """A set → FieldsV1, steps sorted as upstream writes them."""
    return {
        step: {} if below == {MEMBER: {}} else to_v1(below)
        for step, below in sorted(fields.items())
        if step != MEMBER
    } | ({MEMBER: {}} if MEMBER in fields else {})


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of either."""
    out = dict(one)
    for step, below in other.items():
        out[step] = union(out[step], below) if step in out else below
    return out


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of one that are not members of the other."""
    out: FieldSet = {}
    for step, below in one.items():
        if step == MEMBER:
            if MEMBER not in other:
                out[MEMBER] = {}
        elif step not in other:
            out[step] = below
        elif rest := difference(below, other[step]):
            out[step] = rest
    return out


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of both."""
    out: FieldSet = {}
    for step, below in one.items():
        if step not in other:
            continue
        if step == MEMBER:
            out[MEMBER] = {}
        elif rest := intersection(below, other[step]):
            out[step] = rest
    return out


def paths(fields: FieldSet, above: str = "") -> Iterator[str]:
    """Members as conflicts name them: ``.spec.template.spec.containers[name="web"].image``."""
    for step, below in sorted(fields.items()):
        if step == MEMBER:
            yield above
        else:
            yield from paths(below, above + _said(step))


def _said(step: str) -> str:
    kind, _, value = step.partition(":")
    if kind == "f":
        return f".{value}"
    if kind == "k":
        keys = orjson.loads(value)
        return f"[{','.join(f'{name}={orjson.dumps(keys[name]).decode()}' for name in sorted(keys))}]"
    return f"[={value}]"
