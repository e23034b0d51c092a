"""Messages as OpenAPI schemas, with upstream's names and extensions."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from control.schema.descriptions import describe
from control.schema.resource import registry
from control.schema.tables import META, Field, Form, Shape, message

V2, V3 = "#/definitions/", "#/components/schemas/"
_PRIMITIVES: dict[Form, dict[str, Any]] = {
    Form.STRING: {"type": "string"},
    Form.BOOL: {"type": "boolean"},
    Form.INT32: {"type": "integer", "format": "int32"},
    Form.INT64: {"type": "integer", "format": "int64"},
    Form.DOUBLE: {"type": "number", "format": "double"},
    Form.BYTES: {"type": "string", "format": "byte"},
}
_TYPED: dict[Form, dict[str, Any]] = {
    Form.TIME: {"type": "string", "format": "date-time"},
    Form.MICRO_TIME: {"type": "string", "format": "date-time"},
    Form.DURATION: {"type": "string"},
    Form.STRINGS: {"type": "array", "items": {"type": "string"}},
    Form.RAW: {"type": "object"},
    Form.UNION: {},
}
_ONE_OF: dict[Form, tuple[dict[str, Any], dict[str, Any]]] = {
    # how version 2 and version 3 say it
    Form.QUANTITY: ({"type": "string"}, {"oneOf": [{"type": "string"}, {"type": "number"}]}),
    Form.INT_OR_STRING: (
        {"type": "string", "format": "int-or-string"},
        {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    ),
}


@cache
def schema_name(name: str) -> str:
    """``k8s.io.api.core.v1.Pod`` → ``io.k8s.api.core.v1.Pod``; of a custom kind ``com.example.v1.CronTab``."""
    if name.startswith("custom:"):
        own, _, mark = name.removeprefix("custom:").partition("#")
        return own + ("List" if mark.endswith("List") else "")
    tail = name.removeprefix("k8s.io.").replace("apiextensions_apiserver", "apiextensions-apiserver")
    return "io.k8s." + tail.replace("kube_aggregator", "kube-aggregator")


@cache
def _kinds() -> dict[str, list[dict[str, str]]]:
    """Message → the group, version, kind that it is served as."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in registry().rows:
        if row.message:
            gvk = {"group": row.group, "kind": row.kind, "version": row.version}
            found[row.message] = [gvk]
            found[row.message + "List"] = [{**gvk, "kind": row.kind + "List"}]
    versions = sorted({(row.group, row.version) for row in registry().rows})
    for kind in ("DeleteOptions", "WatchEvent", "Status"):
        found[META + kind] = [
            {"group": group, "kind": kind, "version": version} for group, version in versions
        ]
    found[META + "Status"] = [{"group": "", "kind": "Status", "version": "v1"}]
    found["k8s.io.api.autoscaling.v1.Scale"] = [{"group": "autoscaling", "kind": "Scale", "version": "v1"}]
    token = {"group": "authentication.k8s.io", "kind": "TokenRequest", "version": "v1"}
    found["k8s.io.api.authentication.v1.TokenRequest"] = [token]
    found["k8s.io.api.policy.v1.Eviction"] = [{"group": "policy", "kind": "Eviction", "version": "v1"}]
    return found


def schemas(roots: Iterable[str], prefix: str) -> dict[str, Any]:
    """The schemas of ``roots`` and of all that they hold. prefix: V2 or V3, where references point."""
    found: dict[str, Any] = {}
    waiting, forms = list(roots), dict.fromkeys(roots, Form.MESSAGE)
    while waiting:
        name = waiting.pop()
        key = schema_name(name)
        if key in found:
            continue
        form = forms[name]
        if form is not Form.MESSAGE:
            found[key] = _ONE_OF[form][prefix == V3] if form in _ONE_OF else _TYPED[form]
            if name.endswith(".JSON"):
                found[key] = {}  # anything at all
            continue
        found[key] = _object(name, prefix)
        for field in message(name).json_fields.values():
            if field.message and field.message not in forms and field.form is not Form.STRINGS:
                forms[field.message] = field.form
                waiting.append(field.message)
    return dict(sorted(found.items()))


def _object(name: str, prefix: str) -> dict[str, Any]:
    what = message(name)
    properties: dict[str, Any] = {}
    kinds = _kinds().get(name)
    if kinds and "kind" not in what.json_fields:
        properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    needed = []
    told = describe(schema_name(name))
    for field in what.json_fields.values():
        properties[field.name] = _property(field, prefix, told.get(field.name, ""))
        if not field.rule.get("optional"):
            needed.append(field.name)
    schema: dict[str, Any] = {"type": "object", "properties": dict(sorted(properties.items()))}
    if "" in told:
        schema["description"] = told[""]
    if needed:
        schema["required"] = needed
    if kinds:
        schema["x-kubernetes-group-version-kind"] = kinds
    if what.atomic:
        schema["x-kubernetes-map-type"] = "atomic"
    return schema


def _property(field: Field, prefix: str, description: str) -> dict[str, Any]:
    one = _value(field, prefix)
    if field.rule.get("enum"):
        one = {**one, "enum": field.rule["enum"]}
    if field.shape is Shape.LIST:
        schema: dict[str, Any] = {"type": "array", "items": one}
    elif field.shape is Shape.MAP:
        schema = {"type": "object", "additionalProperties": one}
    else:
        schema = one
    extra = _extensions(field.rule)
    default = field.rule.get("default")
    if default is not None and not str(default).startswith("ref("):
        extra["default"] = default
    if description:
        extra["description"] = description
    if not extra:
        return schema
    if "$ref" in schema and prefix == V3:  # no siblings beside a reference in version 3
        schema = {"allOf": [schema]}
    return {**schema, **extra}


def _value(field: Field, prefix: str) -> dict[str, Any]:
    if field.form in _PRIMITIVES:
        return _PRIMITIVES[field.form]
    if field.form is Form.STRINGS:
        return _TYPED[Form.STRINGS]
    reference = {"$ref": prefix + schema_name(field.message)}
    if prefix == V3 and field.form is Form.MESSAGE and not field.pointer:
        return {"allOf": [reference], "default": {}}
    return reference


def _extensions(rule: Mapping[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    for key, name in (
        ("listType", "x-kubernetes-list-type"),
        ("listMapKey", "x-kubernetes-list-map-keys"),
        ("mapType", "x-kubernetes-map-type"),
        ("structType", "x-kubernetes-map-type"),
        ("patchMergeKey", "x-kubernetes-patch-merge-key"),
        ("patchStrategy", "x-kubernetes-patch-strategy"),
    ):
        if key in rule:
            extra[name] = rule[key]
    return extra
