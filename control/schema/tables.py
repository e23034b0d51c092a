"""The structure of every API object: messages and their fields, read from ``data/messages.tsv`` lazily."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

DATA = Path(__file__).parent / "data"

META = "k8s.io.apimachinery.pkg.apis.meta.v1."
CORE = "k8s.io.api.core.v1."
_APIEXTENSIONS = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1."


class Form(enum.Enum):
    """How one value looks in JSON."""

    STRING = "string"
    BOOL = "bool"
    INT32 = "int32"
    INT64 = "int64"
    DOUBLE = "double"
    BYTES = "bytes"  # base64 text
    TIME = "time"  # RFC 3339 text, seconds
    MICRO_TIME = "microTime"  # RFC 3339 text, microseconds
    DURATION = "duration"  # Go's text, "1h0m0s"
    QUANTITY = "quantity"  # text; numbers are accepted
    INT_OR_STRING = "intOrString"
    RAW = "raw"  # any JSON: FieldsV1, RawExtension, JSON
    STRINGS = "strings"  # a message that is a list of strings in JSON: Verbs, ExtraValue
    UNION = "union"  # JSONSchemaPropsOrBool and its like: whichever of its fields is set
    MESSAGE = "message"


_NEVER_EMPTY = (Form.QUANTITY, Form.INT_OR_STRING)  # structs in Go, which it always writes


class Shape(enum.Enum):
    """How many values a field has."""

    ONE = "one"
    LIST = "list"
    MAP = "map"  # keys are strings


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    number: int
    name: str
    """JSON name; empty when the message's fields stand in the parent."""
    shape: Shape
    form: Form
    message: str
    """Full name of the message, for every form that is one on the wire; else empty."""
    pointer: bool
    """Presence means something: a zero value is kept."""
    rule: Mapping[str, Any]
    """From upstream's markers: optional, default, enum, listType, listMapKey, mapType, patchStrategy, …"""

    @property
    def omit_empty(self) -> bool:
        """A zero value is left out of the JSON form."""
        rule = self.rule
        if self.pointer or rule.get("written") or not (rule.get("optional") or rule.get("omitempty")):
            return False
        return self.shape is not Shape.ONE or self.form not in _NEVER_EMPTY


@dataclass(frozen=True, slots=True)
class Message:
    """An API type: its fields as on the wire, and as in JSON with inlined ones in place."""

    name: str
    fields: tuple[Field, ...]
    json_fields: Mapping[str, Field]

    @property
    def atomic(self) -> bool:
        """Has it one owner as a whole, in server-side apply?"""
        return self.go_name in _ATOMIC and self.name not in _GRANULAR

    @property
    def go_name(self) -> str:
        """The name of upstream's struct, as its decoder prints it."""
        return self.name.rsplit(".", 1)[1]


_ATOMIC = frozenset((
    "ConfigMapKeySelector", "CrossVersionObjectReference", "EndpointAddress", "EndpointPort", "EvictionResponder",
    "FileKeySelector", "LabelSelector", "LocalObjectReference", "MatchResources", "NamedRuleWithOperations",
    "NodeSelector", "NodeSelectorTerm", "ObjectFieldSelector", "ObjectReference", "OwnerReference", "ParamKind",
    "ParamRef", "Requester", "ResourceFieldSelector", "RoleRef", "ScopeSelector", "SecretKeySelector",
    "SecretReference", "ServiceBackendPort", "Subject", "TargetResponder", "TopologySelectorTerm",
    "TypedLocalObjectReference", "Variable",
))  # fmt: skip
"""Types that upstream marks structType=atomic, which the table of fields does not show."""
_GRANULAR = frozenset(
    "k8s.io.api." + name
    for name in (
        "admissionregistration.v1alpha1.Variable", "autoscaling.v2.CrossVersionObjectReference",
        "flowcontrol.v1.Subject", "scheduling.v1alpha3.TypedLocalObjectReference",
        "scheduling.v1beta1.TypedLocalObjectReference",
    )
)  # fmt: skip
"""Namesakes of those that are not."""
_SCALARS = {"string", "bool", "int32", "int64", "double", "bytes"}
_SPECIAL = {
    META + "Time": Form.TIME,
    META + "MicroTime": Form.MICRO_TIME,
    META + "Duration": Form.DURATION,
    META + "FieldsV1": Form.RAW,
    META + "Verbs": Form.STRINGS,
    "k8s.io.apimachinery.pkg.runtime.RawExtension": Form.RAW,
    "k8s.io.apimachinery.pkg.api.resource.Quantity": Form.QUANTITY,
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": Form.INT_OR_STRING,
    _APIEXTENSIONS + "JSON": Form.RAW,
    _APIEXTENSIONS + "JSONSchemaPropsOrArray": Form.UNION,
    _APIEXTENSIONS + "JSONSchemaPropsOrBool": Form.UNION,
    _APIEXTENSIONS + "JSONSchemaPropsOrStringArray": Form.UNION,
}
_LISTS_OF_STRINGS = (".ExtraValue", ".AttestationValue")


@cache
def _lines() -> dict[str, bytes]:
    """Message name → its fields, unparsed."""
    rows: dict[str, bytes] = {}
    for line in (DATA / "messages.tsv").read_bytes().splitlines():
        name, _, body = line.partition(b"\t")
        rows[name.decode()] = body
    return rows


def has_message(name: str) -> bool:
    """Is there a message of this full name?"""
    return name in _lines() or name in _DEFINED


_DEFINED: dict[str, Message] = {}


def define(what: Message) -> None:
    """Add a message that is not in the tables: the structure of a kind that users add. Names are never reused."""
    _DEFINED.setdefault(what.name, what)


class OpenFields(dict[str, Field]):
    """Fields of a message that keeps those that it does not name, each as one value of any JSON."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Field:
        return Field(0, name, Shape.ONE, Form.RAW, "", True, {})


def message_names() -> list[str]:
    """Full names of all messages, sorted."""
    return sorted(_lines())


def _field(number: int, name: str, kind: str, rule: Mapping[str, Any] | None = None) -> Field:
    pointer = kind.endswith("?")
    kind = kind.rstrip("?")
    shape = Shape.ONE
    if kind.startswith("repeated "):
        shape, kind = Shape.LIST, kind[len("repeated ") :]
    elif kind.startswith("map<"):
        shape, kind = Shape.MAP, kind[len("map<string,") : -1]
    if kind in _SCALARS:
        return Field(number, name, shape, Form(kind), "", pointer, rule or {})
    form = Form.STRINGS if kind.endswith(_LISTS_OF_STRINGS) else _SPECIAL.get(kind, Form.MESSAGE)
    return Field(number, name, shape, form, kind, pointer, rule or {})


@cache
def message(name: str) -> Message:
    """The message of this full name. Raises KeyError."""
    if name in _DEFINED:
        return _DEFINED[name]
    fields = tuple(_field(*row) for row in orjson.loads(_lines()[name]))
    in_json: dict[str, Field] = {}
    for field in fields:
        if field.name:
            in_json[field.name] = field
        else:
            in_json |= message(field.message).json_fields
    return Message(name, fields, in_json)


@cache
def table(name: str) -> dict[str, Any]:
    """One of our own tables of facts: ``data/<name>.json``."""
    value: dict[str, Any] = orjson.loads((DATA / f"{name}.json").read_bytes())
    return value
