"""Messages as OpenAPI schemas, with the extensions that clients read: kinds, list and merge keys."""

from collections.abc import Iterable, Mapping
from typing import Any

from control.schema.resource import Registry, registry
from control.schema.tables import Field, Form, Shape, has_message, message

Json = dict[str, Any]

_LEAVES: dict[Form, Json] = {
    Form.STRING: {"type": "string"},
    Form.BOOL: {"type": "boolean"},
    Form.INT32: {"type": "integer", "format": "int32"},
    Form.INT64: {"type": "integer", "format": "int64"},
    Form.DOUBLE: {"type": "number", "format": "double"},
    Form.BYTES: {"type": "string", "format": "byte"},
    Form.STRINGS: {"type": "array", "items": {"type": "string"}},
    Form.UNION: {},
}
_NAMED: dict[Form, Json] = {
    Form.TIME: {"type": "string", "format": "date-time"},
    Form.MICRO_TIME: {"type": "string", "format": "date-time"},
    Form.DURATION: {"type": "string"},
    Form.QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
    Form.INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    Form.RAW: {"type": "object"},
}
_NAMED_V2: dict[Form, Json] = {
    **_NAMED,
    Form.QUANTITY: {"type": "string"},
    Form.INT_OR_STRING: {"type": "string", "format": "int-or-string"},
}


def definition_name(name: str) -> str:
    """As upstream publishes a type.

    >>> definition_name("k8s.io.api.core.v1.Pod")
    'io.k8s.api.core.v1.Pod'
    """
    name = name.replace("apiextensions_apiserver", "apiextensions-apiserver")
    name = name.replace("kube_aggregator", "kube-aggregator")
    return "io.k8s." + name.removeprefix("k8s.io.")


class Schemas:
    """Collects the schemas of messages and of all that they refer to.

    root: where references point, ``#/components/schemas/`` (version 3) or ``#/definitions/`` (version 2).
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._named = _NAMED if "components" in root else _NAMED_V2
        self._wrapped = "components" in root
        self.found: dict[str, Json] = {}
        self._kinds = kinds_of_messages(registry())

    def refer(self, name: str) -> Json:
        """A reference to a message's schema, which is made when it is not there yet."""
        definition = definition_name(name)
        if definition not in self.found and has_message(name):
            self.found[definition] = {}  # stands while it is made: types may contain themselves
            self.found[definition] = self._object(name)
        return {"$ref": self._root + definition}

    def _object(self, name: str) -> Json:
        fields = message(name).json_fields
        kinds = self._kinds.get(name, ())
        properties: Json = {}
        if kinds:
            properties["apiVersion"] = {"type": "string"}
            properties["kind"] = {"type": "string"}
        for field in fields.values():
            properties[field.name] = self._property(field)
        schema: Json = {"type": "object", "properties": properties}
        required = sorted(field.name for field in fields.values() if field.rule.get("required"))
        if required:
            schema["required"] = required
        if kinds:
            schema["x-kubernetes-group-version-kind"] = list(kinds)
        return schema

    def _property(self, field: Field) -> Json:
        value = self._value(field)
        if field.shape is Shape.LIST:
            value = {"type": "array", "items": value}
        elif field.shape is Shape.MAP:
            value = {"type": "object", "additionalProperties": value}
        elif "$ref" in value and self._wrapped and (field.rule or field.form is Form.MESSAGE):
            # OpenAPI 3.0 ignores what stands beside a $ref; upstream wraps it, and so do we.
            value = {"allOf": [value], "default": {}}
        return {**value, **_extensions(field)}

    def _value(self, field: Field) -> Json:
        if field.form in _LEAVES:
            return dict(_LEAVES[field.form])
        if field.form in self._named:
            definition = definition_name(field.message)
            self.found.setdefault(definition, dict(self._named[field.form]))
            return {"$ref": self._root + definition}
        return self.refer(field.message)


def _extensions(field: Field) -> Json:
    rule, out = field.rule, {}
    if "enum" in rule:
        out["enum"] = list(rule["enum"])
    if "listType" in rule:
        out["x-kubernetes-list-type"] = rule["listType"]
    if "listMapKey" in rule:
        out["x-kubernetes-list-map-keys"] = _as_list(rule["listMapKey"])
    if "mapType" in rule:
        out["x-kubernetes-map-type"] = rule["mapType"]
    if "patchStrategy" in rule:
        out["x-kubernetes-patch-strategy"] = rule["patchStrategy"]
    if "patchMergeKey" in rule:
        out["x-kubernetes-patch-merge-key"] = rule["patchMergeKey"]
    return out


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def kinds_of_messages(rows: Registry) -> Mapping[str, tuple[Json, ...]]:
    """Message → the kinds it is served as, lists included."""
    kinds: dict[str, tuple[Json, ...]] = {}
    for row in rows.rows:
        if not row.message:
            continue
        kinds[row.message] = (_kind(row.group, row.version, row.kind),)
        if has_message(f"{row.message}List"):
            kinds[f"{row.message}List"] = (_kind(row.group, row.version, f"{row.kind}List"),)
    return kinds


def _kind(group: str, version: str, kind: str) -> Json:
    return {"group": group, "kind": kind, "version": version}


def messages_of(group: str, version: str) -> Iterable[str]:
    """Messages of the kinds that a group version serves, their lists and subresources' bodies included."""
    for row in registry().rows:
        if (row.group, row.version) != (group, version) or not row.message:
            continue
        yield row.message
        if has_message(f"{row.message}List"):
            yield f"{row.message}List"
