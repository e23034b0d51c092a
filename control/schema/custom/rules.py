"""CEL rules of a CRD (``x-kubernetes-validations``), evaluated along its schema on create and update.

A rule that names ``oldSelf`` is a transition rule: it counts only where there is an old value that is known to be
the same one (items of keyed lists, not those of plain ones).
Source: the Kubernetes documentation of CustomResourceDefinition v1, "Validation rules".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from control.errors import Cause
from control.schema import causes
from control.schema.custom import cel
from control.schema.custom.cel_values import cel_type, converter
from control.schema.custom.jsonpath import parse
from control.schema.custom.place import Fault, Place, text_of
from control.schema.custom.structural import Node, Raw, key_of

_OLD: Final = re.compile(r"\boldSelf\b")
_MISSING: Final = object()
_OMITTED: Final = object()
"""Objects and lists are not shown in what a rule says of them."""
Walk = Callable[[Any, Any, Place, list[Fault]], None]
"""value, old value or _MISSING, place, faults."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule."""

    raw: Raw
    program: cel.Program
    message: cel.Program | None
    transition: bool
    optional_old: bool


def uses_old(text: str) -> bool:
    """Does an expression name ``oldSelf``?"""
    return _OLD.search(text) is not None


def compile_one(raw: Raw, type_of_self: str) -> Rule:
    """A rule and its messageExpression. Raises CelInvalid."""
    text, optional = raw["rule"], bool(raw.get("optionalOldSelf"))
    program = cel.compile_rule(text, type_of_self, optional_old=optional)
    said = raw.get("messageExpression")
    message = cel.compile_rule(said, type_of_self, optional_old=optional) if said else None
    return Rule(raw, program, message, uses_old(text), optional)


def compiled(node: Node) -> Walk | None:
    """What evaluates all rules at and below a place; None when there are none. Rules that do not compile pass."""
    rules = []
    for raw in node.rules:
        try:
            rules.append(compile_one(raw, cel_type(node)))
        except cel.CelInvalid:
            continue
    own = _own(node, rules) if rules else None
    below = _below(node)
    if own is None or below is None:
        return own or below
    here, inside = own, below

    def both(value: Any, old: Any, at: Place, found: list[Fault]) -> None:
        here(value, old, at, found)
        inside(value, old, at, found)

    return both


def _own(node: Node, rules: list[Rule]) -> Walk:
    shape, kind = converter(node), node.type or "object"

    def check(value: Any, old: Any, at: Place, found: list[Fault]) -> None:
        if value is None:
            return
        same = old is not _MISSING and old is not None and value == old
        variables: dict[str, Any] | None = None
        for rule in rules:
            has_old = old is not _MISSING and old is not None
            if rule.transition and not has_old and not rule.optional_old:
                continue
            if same and not rule.transition:
                continue  # upstream would let its fault pass
            if variables is None:
                variables = {"self": shape(value) if shape is not None else value, "had": has_old}
                before = old if has_old else value
                variables["oldSelf"] = shape(before) if shape is not None else before
            fault = _evaluated(rule, variables, at, kind, value)
            if fault is not None:
                found.append(fault)

    return check


def _evaluated(rule: Rule, variables: Mapping[str, Any], at: Place, kind: str, value: Any) -> Fault | None:
    raw = rule.raw
    try:
        if rule.program.evaluate(variables) is True:
            return None
    except cel.CelFailed as error:
        about = (raw.get("message") or raw["rule"]).strip()
        said = f"{error} evaluating rule: {about}"
        if str(error).startswith("no such overload"):
            signature = "call arguments did not match a supported operator, function or macro signature"
            said = f"'{error}': {signature} for rule: {about}"
        return Fault(at, causes.invalid(text_of(at), kind, said))
    place = _named(raw.get("fieldPath") or "", at)
    shown = _OMITTED if isinstance(value, dict | list) else value
    reason = raw.get("reason") or "FieldValueInvalid"
    return Fault(place, _cause(reason, text_of(place), shown, _said(rule, variables)))


def _said(rule: Rule, variables: Mapping[str, Any]) -> str:
    if rule.message is not None:
        try:
            told = rule.message.evaluate(variables)
        except cel.CelFailed:
            told = None
        if isinstance(told, str) and told.strip() and "\n" not in told:
            return told.strip()
    message = str(rule.raw.get("message") or "").strip()
    return message or f"failed rule: {rule.raw['rule'].strip()}"


def _named(path: str, at: Place) -> Place:
    """The place of a rule's fieldPath."""
    for field in parse(path).fields if path else ():
        at = (at, field)
    return at


def _cause(reason: str, path: str, value: Any, said: str) -> Cause:
    match reason:
        case "FieldValueForbidden":
            return causes.forbidden(path, said)
        case "FieldValueRequired":
            return causes.required(path, said)
        case "FieldValueDuplicate":
            told = causes.duplicate(path, value)
            return told if value is not _OMITTED else Cause(reason, "Duplicate value", path)
    return (
        causes.invalid(path, value, said)
        if value is not _OMITTED
        else Cause(reason, f"Invalid value: {said}", path)
    )


def _below(node: Node) -> Walk | None:
    if node.items is not None:
        return _of_list(node, node.items)
    fields = {key: walk for key, child in node.properties.items() if (walk := compiled(child)) is not None}
    every = compiled(node.additional) if node.additional is not None else None
    if not fields and every is None:
        return None

    def check(value: Any, old: Any, at: Place, found: list[Fault]) -> None:
        if type(value) is not dict:
            return
        before = old if type(old) is dict else {}
        for key, walk in fields.items():
            if key in value:
                walk(value[key], before.get(key, _MISSING), (at, key), found)
        if every is not None:
            for key, child in value.items():
                if key not in fields:
                    every(child, before.get(key, _MISSING), (at, key), found)

    return check


def _of_list(node: Node, items: Node) -> Walk | None:
    each = compiled(items)
    if each is None:
        return None
    walk, keyed = each, bool(node.list_keys)

    def check(value: Any, old: Any, at: Place, found: list[Fault]) -> None:
        if type(value) is not list:
            return
        before = {key_of(node, item): item for item in old} if keyed and type(old) is list else {}
        for index, item in enumerate(value):
            was = before.get(key_of(node, item), _MISSING) if before else _MISSING
            walk(item, was, (at, index), found)

    return check


def check_rules(walk: Walk, new: Any, old: Any | None) -> list[Fault]:
    """What the rules say of a new object (``old`` None), or of an update."""
    found: list[Fault] = []
    walk(new, _MISSING if old is None else old, None, found)
    return found
