"""Field selectors: = and != on the few fields that a kind supports."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from control.errors import BadRequest
from control.schema.custom.selectable import own_selectable
from control.schema.resource import ResourceRow
from control.schema.tables import table


@dataclass(frozen=True, slots=True)
class _Term:
    field: str
    path: tuple[str, ...]
    equal: bool
    value: str


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """A conjunction of = and != terms."""

    terms: tuple[_Term, ...] = ()

    @staticmethod
    def parse(row: ResourceRow, text: str) -> "FieldSelector":
        """From a query parameter. Raises BadRequest for a field that the kind does not support."""
        known = _paths(row) if row.custom is None else _custom_paths(row)
        terms = []
        for part in _split(text):
            field, equal, value = _term(part, text)
            if field not in known:
                raise BadRequest(_unsupported(row, field))
            terms.append(_Term(field, known[field], equal, value))
        return FieldSelector(tuple(terms))

    @property
    def everything(self) -> bool:
        """Does it match all objects?"""
        return not self.terms

    def exact(self, field: str) -> str | None:
        """The value that ``field`` must have, when a term says so (metadata.name turns a list into a get)."""
        return next((term.value for term in self.terms if term.field == field and term.equal), None)

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Does the object meet every requirement?"""
        return all((_value(obj, term.path) == term.value) is term.equal for term in self.terms)

    def matches_fields(self, fields: Mapping[str, str]) -> bool:
        """As ``matches``, on what ``selectable_fields`` gave."""
        return all((fields.get(term.field, "") == term.value) is term.equal for term in self.terms)


def selectable_fields(row: ResourceRow, obj: Mapping[str, Any]) -> dict[str, str]:
    """The values that selectors of this kind may ask for."""
    if row.custom is not None:
        return _custom_fields(row, obj)
    return {field: _value(obj, path) for field, path in _paths(row).items()}


@cache
def _paths(row: ResourceRow) -> dict[str, tuple[str, ...]]:
    """Field → where it stands in the object."""
    ours = table("resources")["fields"].get(row.qualified, {})
    names = ["metadata.name", *(["metadata.namespace"] if row.namespaced else []), *ours]
    places = {name: name for name in names}
    if isinstance(ours, dict):
        places |= ours
    return {name: tuple(place.split(".")) for name, place in places.items()}


def _custom_paths(row: ResourceRow) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(("metadata.name", "metadata.namespace")[: 1 + row.namespaced], ()) | own_selectable(
        row
    )


def _custom_fields(row: ResourceRow, obj: Mapping[str, Any]) -> dict[str, str]:
    """Of all versions at once: their objects differ in the apiVersion alone."""
    assert row.custom is not None
    meta = obj["metadata"]
    found = {"metadata.name": meta.get("name", "")}
    if row.namespaced:
        found["metadata.namespace"] = meta.get("namespace", "")
    return found | {field: _value(obj, path) for field, path in row.custom.selected.items()}


def _value(obj: Mapping[str, Any], path: tuple[str, ...]) -> str:
    here: Any = obj
    for part in path:
        if isinstance(here, list):
            here = here[int(part)] if part.isdigit() and int(part) < len(here) else None
        else:
            here = here.get(part) if isinstance(here, Mapping) else None
        if here is None:
            return "false" if path[-1] in ("unschedulable", "hostNetwork") else ""
    if isinstance(here, bool):
        return "true" if here else "false"
    return str(here)


def _split(text: str) -> list[str]:
    """At commas that no backslash escapes."""
    parts, current, escaped = [], "", False
    for letter in text:
        if escaped:
            current += "\\" + letter
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == ",":
            parts.append(current)
            current = ""
        else:
            current += letter
    parts.append(current)
    return [part for part in parts if part]


def _term(part: str, text: str) -> tuple[str, bool, str]:
    for index, letter in enumerate(part):
        for operator, equal in (("!=", False), ("==", True), ("=", True)):
            if part.startswith(operator, index):
                return part[:index], equal, _unescaped(part[index + len(operator) :])
        if letter == "\\":
            break
    raise BadRequest(f"invalid selector: '{text}'; can't understand '{part}'")


def _unescaped(value: str) -> str:
    return value.replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\")


def _unsupported(row: ResourceRow, field: str) -> str:
    """Most kinds say "not a known field selector"; those with fields of their own name the label."""
    if row.custom is not None or table("resources")["fields"].get(row.qualified):
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
