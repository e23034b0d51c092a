"""Rules for ``x-kubernetes-validations``: that each compiles, and says what it needs to.

Source: the Kubernetes documentation of CustomResourceDefinition v1, "Validation rules".
"""

import re
from typing import Final

import orjson

from control.errors import Cause
from control.schema import causes
from control.schema.custom import cel
from control.schema.custom.cel_values import cel_type
from control.schema.custom.jsonpath import PathInvalid, parse
from control.schema.custom.rules import compile_one, uses_old
from control.schema.custom.structural import LIST_TYPE, RULES, Node, Raw

_REASONS: Final = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_MESSAGE_MOST: Final = 2048
_NOT_OURS: Final = re.compile(
    r"undeclared reference to '(format(?:\.\w+)*|validate|semver|isSemver|all|exists|exists_one|existsOne|"
    r"transformList|transformMap|transformMapEntry)'"
)
"""What Kubernetes' CEL has and ours has not: a rule that needs it is taken, told, and not evaluated."""


def own_rules(node: Node, path: str, correlated: str = "") -> list[Cause]:
    """Of a schema and all below. correlated: the list whose items can't be compared with what they were; else empty."""
    found: list[Cause] = []
    for index, raw in enumerate(node.rules):
        found += _rule(raw, node, f"{path}.{RULES}[{index}]", correlated)
    for key, child in node.properties.items():
        found += own_rules(child, f"{path}.properties[{key}]", correlated)
    if node.additional is not None:
        found += own_rules(node.additional, f"{path}.additionalProperties", correlated)
    if node.items is not None:
        below = correlated or ("" if node.raw.get(LIST_TYPE) == "map" else path)
        found += own_rules(node.items, f"{path}.items", below)
    return found


def _rule(raw: Raw, node: Node, at: str, correlated: str) -> list[Cause]:
    text, message = (raw.get("rule") or "").strip(), raw.get("message") or ""
    if not text:
        return [causes.required(f"{at}.rule", "rule is not specified")]
    found: list[Cause] = []
    if message and not message.strip():
        found.append(causes.invalid(f"{at}.message", message, "must be non-empty if specified"))
    elif "\n" in message.strip():
        found.append(causes.invalid(f"{at}.message", message, "must not contain line breaks"))
    elif "\n" in text and not message:
        said = "message must be specified if rule contains line breaks"
        found.append(causes.required(f"{at}.message", said))
    if len(message) > _MESSAGE_MOST:
        found.append(causes.too_long(f"{at}.message", _MESSAGE_MOST))
    reason = raw.get("reason")
    if reason is not None and reason not in _REASONS:
        found.append(causes.not_supported(f"{at}.reason", reason, _REASONS))
    if raw.get("fieldPath"):
        found += _field_path(raw["fieldPath"], node, f"{at}.fieldPath")
    if raw.get("optionalOldSelf") and not uses_old(text):
        said = "may not be set if oldSelf is not used in rule"
        found.append(causes.invalid(f"{at}.optionalOldSelf", True, said))
    if uses_old(text) and correlated:
        said = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {correlated}"
        found.append(causes.invalid(f"{at}.rule", raw["rule"], said))
    return found + _compiles(raw, node, at)


def _compiles(raw: Raw, node: Node, at: str) -> list[Cause]:
    kind, optional = cel_type(node), bool(raw.get("optionalOldSelf"))
    try:
        program = cel.compile_rule(raw["rule"], kind, optional_old=optional)
    except cel.CelInvalid as error:
        if _NOT_OURS.search(str(error)):
            return []
        return [causes.invalid(f"{at}.rule", _shown(raw), f"compilation failed: {error}")]
    if program.returns not in ("BOOL", "DYN"):
        return [causes.invalid(f"{at}.rule", _shown(raw), "cel expression must evaluate to a bool")]
    said = raw.get("messageExpression")
    if not said:
        return []
    try:
        message = cel.compile_rule(said, kind, optional_old=optional)
    except cel.CelInvalid as error:
        if _NOT_OURS.search(str(error)):
            return []
        told = f"messageExpression compilation failed: {error}"
        return [causes.invalid(f"{at}.messageExpression", _shown(raw), told)]
    if message.returns not in ("STRING", "DYN"):
        told = "messageExpression must evaluate to a string"
        return [causes.invalid(f"{at}.messageExpression", _shown(raw), told)]
    return []


def _shown(raw: Raw) -> causes.Printed:
    """A whole rule, as upstream prints its struct."""
    texts = {key[0].upper() + key[1:]: raw.get(key) or "" for key in ("rule", "message", "messageExpression")}
    rest = {"Reason": raw.get("reason"), "FieldPath": raw.get("fieldPath") or ""}
    return causes.Printed(
        orjson.dumps({**texts, **rest, "OptionalOldSelf": raw.get("optionalOldSelf")}).decode()
    )


def not_evaluated(node: Node, path: str) -> list[str]:
    """A warning for each rule at and below a place that needs what our CEL has not."""
    found = []
    for raw in node.rules:
        try:
            compile_one(raw, cel_type(node))
        except cel.CelInvalid as error:
            match = _NOT_OURS.search(str(error))
            if match is not None:
                found.append(f'{path}: rule "{raw["rule"]}" is not evaluated here: CEL without {match[1]}')
    for key, child in node.properties.items():
        found += not_evaluated(child, f"{path}.{key}" if path else key)
    for inner in (node.items, node.additional):
        if inner is not None:
            found += not_evaluated(inner, f"{path}[*]")
    return found


def _field_path(text: str, node: Node, at: str) -> list[Cause]:
    try:
        path = parse(text)
    except PathInvalid:
        return [causes.invalid(at, text, "must be a valid path")]
    here: Node | None = node
    for field in path.fields:
        here = here.properties.get(field, here.additional) if here is not None else None
    if not path.fields or here is None:
        return [causes.invalid(at, text, "must be a valid path")]
    return []
