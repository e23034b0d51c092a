"""Values against a CRD's schema: types, ranges, patterns, required fields, combinations, in upstream's words.

One compiled closure a place of the schema. Source: JSON Schema as OpenAPI v3 has it, and the Kubernetes
documentation of CustomResourceDefinition v1.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from control.errors import Cause
from control.schema import causes
from control.schema.custom.json_formats import in_range, named
from control.schema.custom.patterns import PatternInvalid, matcher
from control.schema.custom.place import Fault, Place, text_of
from control.schema.custom.structural import EMBEDDED, INT_OR_STRING, LIST_KEYS, LIST_TYPE, Raw

Check = Callable[[Any, Place, list[Fault]], None]
_TYPES: Mapping[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object",
    type(None): "null",
}  # fmt: skip


def compiled(raw: Raw) -> Check:
    """What checks a value of this schema and notes what is wrong with it."""
    checks = [
        *_of_text(raw),
        *_of_number(raw),
        *_of_list(raw),
        *_of_object(raw),
        *_enum(raw),
        *_combined(raw),
    ]
    types = ("integer", "string") if raw.get(INT_OR_STRING) else tuple(filter(None, (raw.get("type"),)))
    nullable = bool(raw.get("nullable"))

    def check(value: Any, at: Place, found: list[Fault]) -> None:
        if value is None and (nullable or not types):
            return
        if types and not _is_one_of(value, types):
            found.append(_mistyped(at, types, _TYPES[type(value)]))
            return
        for inner in checks:
            inner(value, at, found)

    return check


def _is_one_of(value: Any, types: Sequence[str]) -> bool:
    kind = _TYPES[type(value)]
    if kind in types or (kind == "integer" and "number" in types):
        return True
    return kind == "number" and "integer" in types and float(value).is_integer()


def _mistyped(at: Place, types: Sequence[str], shown: Any) -> Fault:
    path = text_of(at)
    said = f"{path} in body must be of type {','.join(types)}: {causes.shown(shown)}"
    message = f"Invalid value: {causes.shown(shown)}: {said}"
    return Fault(at, Cause("FieldValueTypeInvalid", message, path))


def _wrong(at: Place, value: Any, said: str) -> Fault:
    path = text_of(at)
    return Fault(at, causes.invalid(path, value, f"{path} in body {said}"))


def _of_text(raw: Raw) -> list[Check]:
    checks: list[Check] = []
    least, most, pattern = raw.get("minLength"), raw.get("maxLength"), raw.get("pattern")
    form = named(raw.get("format") or "") if raw.get("type") in (None, "string") else None

    def length(value: Any, at: Place, found: list[Fault]) -> None:
        if type(value) is not str:
            return
        if most is not None and len(value) > most:
            found.append(Fault(at, causes.too_long(text_of(at), most)))
        if least is not None and len(value) < least:
            found.append(_wrong(at, value, f"should be at least {least} chars long"))

    if least is not None or most is not None:
        checks.append(length)
    if pattern:
        checks.append(_matching(pattern))

    def formed(value: Any, at: Place, found: list[Fault]) -> None:
        if type(value) is str and form is not None and not form(value):
            found.append(_mistyped(at, (raw["format"],), value))

    return [*checks, formed] if form is not None else checks


def _matching(pattern: str) -> Check:
    try:
        matches = matcher(pattern)
    except PatternInvalid:
        return lambda value, at, found: None  # refused when the CRD is written; an old one lets all pass

    def check(value: Any, at: Place, found: list[Fault]) -> None:
        if type(value) is str and not matches(value):
            found.append(_wrong(at, value, f"should match '{pattern}'"))

    return check


def _of_number(raw: Raw) -> list[Check]:
    least, most, step = raw.get("minimum"), raw.get("maximum"), raw.get("multipleOf")
    over, under = bool(raw.get("exclusiveMinimum")), bool(raw.get("exclusiveMaximum"))
    form = in_range(raw.get("format") or "")
    if least is None and most is None and step is None and form is None:
        return []

    def check(value: Any, at: Place, found: list[Fault]) -> None:
        if type(value) not in (int, float):
            return
        if form is not None and not form(value):
            told = f"Checked value must be of type {raw.get('type')} with format {raw['format']} in {text_of(at)}"
            found.append(Fault(at, Cause("FieldValueInvalid", f'Invalid value: "": {told}', "<nil>")))
        if most is not None and (value > most or (under and value == most)):
            said = "should be less than" if under else "should be less than or equal to"
            found.append(_wrong(at, value, f"{said} {_number(most)}"))
        if least is not None and (value < least or (over and value == least)):
            said = "should be greater than" if over else "should be greater than or equal to"
            found.append(_wrong(at, value, f"{said} {_number(least)}"))
        if step and Decimal(str(value)) % Decimal(str(step)):
            found.append(_wrong(at, value, f"should be a multiple of {_number(step)}"))

    return [check]


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e21 else repr(value)


def _of_list(raw: Raw) -> list[Check]:
    least, most, items = raw.get("minItems"), raw.get("maxItems"), raw.get("items")
    each = compiled(items) if isinstance(items, Mapping) else None
    kind = raw.get(LIST_TYPE)
    keys = tuple(sorted(raw.get(LIST_KEYS) or ())) if kind == "map" else ()
    if least is None and most is None and each is None and kind not in ("set", "map"):
        return []

    def check(value: Any, at: Place, found: list[Fault]) -> None:
        if type(value) is not list:
            return
        if most is not None and len(value) > most:
            found.append(Fault(at, causes.too_many(text_of(at), len(value), most)))
        if least is not None and len(value) < least:
            found.append(_wrong(at, len(value), f"should have at least {least} items"))
        if each is not None:
            for index, item in enumerate(value):
                each(item, (at, index), found)
        if kind in ("set", "map"):
            _unique(value, keys, at, found)

    return [check]


def _unique(items: list[Any], keys: Sequence[str], at: Place, found: list[Fault]) -> None:
    """The items of a set, or the keys of a keyed list, occur once."""
    seen = set()
    for index, item in enumerate(items):
        if keys and not isinstance(item, Mapping):
            continue
        named_by = {key: item[key] for key in keys if key in item} if keys else item
        mark = orjson.dumps(named_by, option=orjson.OPT_SORT_KEYS)
        if mark in seen:
            place = (at, index)
            found.append(Fault(place, causes.duplicate(text_of(place), named_by)))
        seen.add(mark)


def _of_object(raw: Raw) -> list[Check]:
    inner = {key: compiled(child) for key, child in (raw.get("properties") or {}).items()}
    additional = raw.get("additionalProperties")
    every = compiled(additional) if isinstance(additional, Mapping) else None
    required = tuple(raw.get("required") or ())
    least, most, embedded = raw.get("minProperties"), raw.get("maxProperties"), bool(raw.get(EMBEDDED))
    if not inner and every is None and not required and least is None and most is None and not embedded:
        return []

    def check(value: Any, at: Place, found: list[Fault]) -> None:
        if type(value) is not dict:
            return
        if most is not None and len(value) > most:
            found.append(Fault(at, causes.too_many(text_of(at), len(value), most)))
        if least is not None and len(value) < least:
            found.append(_wrong(at, len(value), f"should have at least {least} properties"))
        for key in required:
            if key not in value:
                place = (at, key)
                found.append(Fault(place, causes.required(text_of(place))))
        for key, child in value.items():
            look = inner.get(key, every)
            if look is not None:
                look(child, (at, key), found)
        if embedded:
            for key in ("apiVersion", "kind"):
                place = (at, key)
                if key not in value:
                    found.append(Fault(place, causes.required(text_of(place))))
                elif type(value[key]) is not str or not value[key]:
                    said = "must not be empty" if value[key] == "" else "must be a string"
                    found.append(Fault(place, causes.invalid(text_of(place), value[key], said)))

    return [check]


def _enum(raw: Raw) -> list[Check]:
    allowed = raw.get("enum")
    if not allowed:
        return []
    known = {orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in allowed}
    texts = [value if isinstance(value, str) else orjson.dumps(value).decode() for value in allowed]

    def check(value: Any, at: Place, found: list[Fault]) -> None:
        if orjson.dumps(value, option=orjson.OPT_SORT_KEYS) not in known:
            found.append(Fault(at, causes.not_supported(text_of(at), value, texts)))

    return [check]


def _combined(raw: Raw) -> list[Check]:
    """allOf, anyOf, oneOf and not. Upstream tells no field of the combination itself."""
    checks: list[Check] = []
    if inner := raw.get("allOf"):
        checks += [compiled(one) for one in inner]
    for key in ("anyOf", "oneOf"):
        if inner := raw.get(key):
            checks.append(_some(key, inner))
    if (refused := raw.get("not")) is not None:
        checks.append(_none(compiled(refused)))
    return checks


def _some(key: str, raws: Sequence[Raw]) -> Check:
    options = [compiled(raw) for raw in raws]

    def check(value: Any, at: Place, found: list[Fault]) -> None:
        faults: list[list[Fault]] = []
        for option in options:
            own: list[Fault] = []
            option(value, at, own)
            faults.append(own)
        valid = sum(not own for own in faults)
        if key == "anyOf" and not valid:
            found.append(_unplaced(at, "must validate at least one schema (anyOf)"))
        elif key == "oneOf" and valid != 1:
            told = "Found none valid" if not valid else f"Found {valid} valid alternatives"
            found.append(_unplaced(at, f"must validate one and only one schema (oneOf). {told}"))
        else:
            return
        if not valid:
            # As upstream: what is wrong by the alternative that says most of the value; the first of several.
            found.extend(max(zip(raws, faults, strict=True), key=lambda one: _reach(one[0], value))[1])

    return check


def _reach(raw: Raw, value: Any) -> int:
    """How many of a schema's parts say something of a value."""
    count = 1 + (type(value) is str and named(raw.get("format") or "") is not None)
    if type(value) is dict:
        properties, every = raw.get("properties") or {}, raw.get("additionalProperties")
        for key, item in value.items():
            child = properties.get(key, every)
            count += _reach(child, item) if isinstance(child, Mapping) else 0
    elif type(value) is list and isinstance(raw.get("items"), Mapping):
        count += sum(_reach(raw["items"], item) for item in value)
    count += sum(_reach(one, value) for one in raw.get("allOf") or ())
    return count + sum(
        max(_reach(one, value) for one in raw[key]) for key in ("anyOf", "oneOf") if raw.get(key)
    )


def _none(refused: Check) -> Check:
    def check(value: Any, at: Place, found: list[Fault]) -> None:
        own: list[Fault] = []
        refused(value, at, own)
        if not own:
            found.append(_unplaced(at, "must not validate the schema (not)"))

    return check


def _unplaced(at: Place, said: str) -> Fault:
    told = f'Invalid value: "": {causes.shown(text_of(at))} {said}'
    return Fault(at, Cause("FieldValueInvalid", told, "<nil>"))
