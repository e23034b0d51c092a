"""Rules for a CRD's OpenAPI schema: that it is structural, and which parts of JSON Schema it may use.

Source: the Kubernetes documentation of CustomResourceDefinition v1; wording as kube-apiserver has it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from control.errors import Cause
from control.schema import causes
from control.schema.custom.patterns import PatternInvalid, matcher
from control.schema.custom.structural import (
    EMBEDDED,
    INT_OR_STRING,
    LIST_KEYS,
    LIST_TYPE,
    MAP_TYPE,
    PRESERVE,
    RULES,
    Raw,
    structural,
)
from control.schema.custom.validate_default import default_value
from control.schema.custom.validate_rules import own_rules
from control.schema.structure import check_message

_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_REFUSED: Final = {
    "$ref": "$ref is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "id": "id is not supported",
    "patternProperties": "patternProperties is not supported",
    "additionalItems": "additionalItems is not supported",
}
_NOT_IN_LOGIC: Final = ("type", "title", "description", "default", "nullable", "additionalProperties")
_EXTENSIONS_NOT_IN_LOGIC: Final = (PRESERVE, EMBEDDED, INT_OR_STRING, LIST_TYPE, LIST_KEYS, MAP_TYPE)
_PROPS: Final = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_DEPTH_MOST: Final = 100
_INT_OR_STRING_ANY: Final = ({"type": "integer"}, {"type": "string"})


@dataclass(frozen=True, slots=True)
class _At:
    """Where the walk is. kind: what stands there: root, field, items; embedded: is its parent a whole object?"""

    path: str
    kind: str
    depth: int = 0


def schema(raw: Raw, path: str) -> list[Cause]:
    """What is wrong with an openAPIV3Schema."""
    found = _place(raw, _At(path, "root"))
    if not found:
        found = _defaults(raw, path) + own_rules(structural(raw), path)
    return found


def _place(raw: Raw, at: _At) -> list[Cause]:
    if at.depth > _DEPTH_MOST:
        return [causes.invalid(at.path, "…", f"nests deeper than {_DEPTH_MOST} levels")]
    for key in ("items", "additionalProperties"):
        if isinstance(raw.get(key), Mapping) and (wrong := _mistyped(raw[key], f"{at.path}.{key}")):
            return wrong
    found = [causes.forbidden(f"{at.path}.{key}", said) for key, said in _REFUSED.items() if raw.get(key)]
    if raw.get("uniqueItems"):
        said = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        found.append(causes.forbidden(f"{at.path}.uniqueItems", said))
    if raw.get(PRESERVE) is False:
        found.append(causes.invalid(f"{at.path}.{PRESERVE}", False, "must be true or undefined"))
    found += _type(raw, at) + _pattern(raw, at) + _list(raw, at) + _map(raw, at) + _embedded(raw, at)
    if at.kind == "root":
        found += _metadata(raw, at)
        if raw.get("nullable"):
            found.append(causes.forbidden(f"{at.path}.nullable", "nullable cannot be true at the root"))
    for key, inner, below in _below(raw, at):
        if not isinstance(inner, Mapping):
            said = "items must be a schema object and not an array"
            found.append(causes.forbidden(f"{at.path}.{key}", said))
            continue
        found += _place(inner, below)
    return found + _logic(raw, raw, at.path)


def _mistyped(inner: Any, path: str) -> list[Cause]:
    """What the decoder does not look into: a place that may hold one of several things. Made canonical, in place."""
    findings = check_message(_PROPS, inner)
    return [causes.invalid(path, {}, said) for said in findings.errors]


def _below(raw: Raw, at: _At) -> Iterator[tuple[str, Any, _At]]:
    for key, inner in (raw.get("properties") or {}).items():
        yield "properties", inner, _At(f"{at.path}.properties[{key}]", "field", at.depth + 1)
    if isinstance(raw.get("additionalProperties"), Mapping):
        inner = raw["additionalProperties"]
        yield "additionalProperties", inner, _At(f"{at.path}.additionalProperties", "field", at.depth + 1)
    if raw.get("items") is not None:
        yield "items", raw["items"], _At(f"{at.path}.items", "items", at.depth + 1)


def _type(raw: Raw, at: _At) -> list[Cause]:
    kind, where = raw.get("type") or "", f"{at.path}.type"
    found: list[Cause] = []
    if raw.get(INT_OR_STRING):
        found += [
            causes.invalid(f"{at.path}.{key}", True, f"must be false if {INT_OR_STRING} is true")
            for key in (PRESERVE, EMBEDDED)
            if raw.get(key)
        ]
    elif not kind and (at.kind == "root" or not raw.get(PRESERVE)):
        said = {"root": "at the root", "items": "for specified array items"}.get(
            at.kind, "for specified object fields"
        )
        found.append(causes.required(where, f"must not be empty {said}"))
    elif kind and kind not in _TYPES:
        found.append(causes.not_supported(where, kind, _TYPES))
    if at.kind == "root" and kind and kind != "object":
        found.append(causes.invalid(where, kind, "must be object at the root"))
    if kind == "array" and raw.get("items") is None:
        found.append(causes.required(f"{at.path}.items", "must be specified"))
    if raw.get("properties") and raw.get("additionalProperties") not in (None, False):
        said = "additionalProperties and properties are mutual exclusive"
        found.append(causes.forbidden(f"{at.path}.additionalProperties", said))
    if not isinstance(raw.get("additionalProperties"), Mapping | bool | None):
        said = "must be a schema or a boolean"
        found.append(causes.invalid(f"{at.path}.additionalProperties", raw["additionalProperties"], said))
    elif raw.get("additionalProperties") not in (None, False):
        where = f"{at.path}.additionalProperties"
        if at.kind == "root":
            found.append(causes.forbidden(where, "must not be used at the root"))
        if raw.get(EMBEDDED):
            found.append(causes.forbidden(where, f"must not be used if {EMBEDDED} is set"))
    return found


def _pattern(raw: Raw, at: _At) -> list[Cause]:
    pattern = raw.get("pattern")
    if not pattern:
        return []
    try:
        matcher(pattern)
    except PatternInvalid as error:
        said = f"must be a valid regular expression, but isn't: {error}"
        return [causes.invalid(f"{at.path}.pattern", pattern, said)]
    return []


def _list(raw: Raw, at: _At) -> list[Cause]:
    kind, keys = raw.get(LIST_TYPE), raw.get(LIST_KEYS) or []
    found: list[Cause] = []
    if kind is not None and kind not in ("atomic", "set", "map"):
        found.append(causes.not_supported(f"{at.path}.{LIST_TYPE}", kind, ("atomic", "set", "map")))
    if kind is not None and raw.get("type") != "array":
        said = f"must be array if {LIST_TYPE} is specified"
        found.append(
            causes.invalid(f"{at.path}.type", raw["type"], said)
            if raw.get("type")
            else causes.required(f"{at.path}.type", said)
        )
    if keys and kind != "map":
        said = f"must be map if {LIST_KEYS} is non-empty"
        at_type = f"{at.path}.{LIST_TYPE}"
        found.append(causes.invalid(at_type, kind, said) if kind else causes.required(at_type, said))
    items = raw.get("items")
    if kind == "set" and isinstance(items, Mapping) and items.get("nullable"):
        said = f"cannot be nullable when {LIST_TYPE} is set"
        found.append(causes.forbidden(f"{at.path}.items.nullable", said))
    return found + (_keyed(raw, keys, at) if kind == "map" else [])


def _keyed(raw: Raw, keys: list[str], at: _At) -> list[Cause]:
    where = f"{at.path}.{LIST_KEYS}"
    if not keys:
        return [causes.required(where, f"must not be empty if {LIST_TYPE} is map")]
    items = raw.get("items")
    if not isinstance(items, Mapping):
        return []
    if items.get("type") != "object":
        said = f"must be object if parent array's {LIST_TYPE} is map"
        return [causes.invalid(f"{at.path}.items.type", items.get("type") or "", said)]
    found: list[Cause] = []
    properties = items.get("properties") or {}
    for index, key in enumerate(keys):
        inner, place = properties.get(key), f"{at.path}.items.properties[{key}]"
        if key in keys[:index]:
            found.append(causes.invalid(where, keys, "must not contain duplicate entries"))
        elif inner is None:
            found.append(causes.invalid(where, keys, "entries must all be names of item properties"))
        elif inner.get("type") in ("array", "object"):
            said = f"must be a scalar type if parent array's {LIST_TYPE} is map"
            found.append(causes.invalid(f"{place}.type", inner["type"], said))
        elif key not in (items.get("required") or ()) and inner.get("default") is None:
            said = f"this property is in {LIST_KEYS}, so it must have a default or be a required property"
            found.append(causes.required(f"{place}.default", said))
    return found


def _map(raw: Raw, at: _At) -> list[Cause]:
    kind, where = raw.get(MAP_TYPE), f"{at.path}.type"
    if kind is None:
        return []
    found: list[Cause] = []
    if kind not in ("atomic", "granular"):
        found.append(causes.not_supported(f"{at.path}.{MAP_TYPE}", kind, ("atomic", "granular")))
    if raw.get("type") != "object":
        said = f"must be object if {MAP_TYPE} is specified"
        found.append(
            causes.invalid(where, raw["type"], said) if raw.get("type") else causes.required(where, said)
        )
    return found


def _embedded(raw: Raw, at: _At) -> list[Cause]:
    if not raw.get(EMBEDDED):
        return []
    found: list[Cause] = []
    if raw.get("type") != "object":
        said = f"must be object if {EMBEDDED} is true"
        found.append(causes.invalid(f"{at.path}.type", raw.get("type") or "", said))
    if not raw.get(PRESERVE) and not raw.get("properties"):
        said = f"must not be empty if {EMBEDDED} is true without {PRESERVE}"
        found.append(causes.required(f"{at.path}.properties", said))
    return found + _metadata(raw, at)


def _metadata(raw: Raw, at: _At) -> list[Cause]:
    """Of a whole object's metadata, only names may be restricted."""
    properties = raw.get("properties") or {}
    found: list[Cause] = []
    meta = properties.get("metadata") or {}
    allowed = {"type", "description", "title", "properties"}
    beyond = {key for key, value in meta.items() if value} - allowed
    if beyond or set(meta.get("properties") or ()) - {"name", "generateName"}:
        said = (
            "must not specify anything other than name and generateName, but metadata is implicitly specified"
        )
        found.append(causes.forbidden(f"{at.path}.properties[metadata]", said))
    for key in ("apiVersion", "kind", "metadata"):
        inner, wanted = properties.get(key), "object" if key == "metadata" else "string"
        if inner is not None and inner.get("type") != wanted:
            where = f"{at.path}.properties[{key}].type"
            found.append(causes.invalid(where, inner.get("type") or "", f"must be {wanted}"))
    return found


def _logic(core: Raw, raw: Raw, path: str) -> list[Cause]:
    """Schemas in allOf, anyOf, oneOf and not: conditions on values, and never a structure of their own."""
    found: list[Cause] = []
    for key in ("allOf", "anyOf", "oneOf"):
        for index, inner in enumerate(raw.get(key) or ()):
            if core.get(INT_OR_STRING) and _says_int_or_string(inner):
                continue
            found += _condition(core, inner, f"{path}.{key}[{index}]", path)
    if raw.get("not") is not None:
        found += _condition(core, raw["not"], f"{path}.not", path)
    return found


def _says_int_or_string(inner: Raw) -> bool:
    """The forms in which generators repeat that a value is a number or a text."""
    return inner in _INT_OR_STRING_ANY or inner.get("anyOf") == list(_INT_OR_STRING_ANY)


def _condition(core: Raw, inner: Raw, path: str, core_path: str) -> list[Cause]:
    found: list[Cause] = []
    for key in _NOT_IN_LOGIC:
        if inner.get(key) not in (None, "", False):
            kind = "undefined" if key in ("default", "additionalProperties") else "empty"
            kind = "false" if key == "nullable" else kind
            found.append(causes.forbidden(f"{path}.{key}", f"must be {kind} to be structural"))
    for key in _EXTENSIONS_NOT_IN_LOGIC:
        if inner.get(key):
            kind = "false" if inner[key] is True else "undefined"
            found.append(causes.forbidden(f"{path}.{key}", f"must be {kind} to be structural"))
    if inner.get(RULES):
        found.append(causes.forbidden(f"{path}.{RULES}", "must be empty to be structural"))
    found += _pattern(inner, _At(path, "logic"))
    properties = core.get("properties") or {}
    for key, below in (inner.get("properties") or {}).items():
        here, there = f"{path}.properties[{key}]", f"{core_path}.properties[{key}]"
        if key not in properties:
            if not core.get(PRESERVE):
                found.append(causes.required(there, f"because it is defined in {here}"))
            continue
        found += _condition(properties[key], below, here, there)
    items = inner.get("items")
    if isinstance(items, Mapping):
        if wrong := _mistyped(items, f"{path}.items"):
            return found + wrong
        if not isinstance(core.get("items"), Mapping):
            found.append(causes.required(f"{core_path}.items", f"because it is defined in {path}.items"))
        else:
            found += _condition(core["items"], items, f"{path}.items", f"{core_path}.items")
    return found + _logic(core, inner, path)


def _defaults(raw: Raw, path: str) -> list[Cause]:
    """Defaults are values of their own schema, with nothing that would be pruned."""
    found: list[Cause] = []
    for _, inner, below in _below(raw, _At(path, "root")):
        if inner.get("default") is not None:
            found += default_value(inner, f"{below.path}.default")
        found += _defaults(inner, below.path)
    return found
