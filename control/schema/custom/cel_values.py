"""JSON values as CEL sees them: declared types, names that CEL can't spell, numbers that are always doubles."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, Final

from control.schema.custom.structural import Node

Convert = Callable[[Any], Any]
_RESERVED: Final = frozenset((
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
    "let", "loop", "package", "namespace", "return", "var", "void", "while",
))  # fmt: skip
_SPELLED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES: Final = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def cel_type(node: Node) -> str:
    """The declared type of a place, as ``cel.compile_rule`` takes it. Objects are dynamic: their keys are data."""
    if node.nullable or node.int_or_string:
        return "dyn"
    match node.type:
        case "string":
            return "bytes" if node.raw.get("format") == "byte" else "string"
        case "integer":
            return "int"
        case "number":
            return "double"
        case "boolean":
            return "bool"
        case "array":
            return f"list({cel_type(node.items) if node.items is not None else 'dyn'})"
        case "object" if node.additional is not None:
            return f"map(string,{cel_type(node.additional)})"
    return "dyn"


def escaped(name: str) -> str:
    """A property as rules spell it: ``foo-bar`` is ``foo__dash__bar``, ``namespace`` is ``__namespace__``."""
    if name in _RESERVED:
        return f"__{name}__"
    if _SPELLED.fullmatch(name) and "__" not in name:
        return name
    return re.sub(r"__|[./-]", lambda match: _ESCAPES[match.group()], name)


def converter(node: Node) -> Convert | None:
    """What makes of a JSON value the one that rules see; None when that is the value itself."""
    if node.type == "number":
        return lambda value: float(value) if type(value) is int else value
    if node.type == "string" and node.raw.get("format") == "byte":
        return _bytes
    if node.items is not None:
        each = converter(node.items)
        return _of_list(each) if each is not None else None
    fields = {key: converter(child) for key, child in node.properties.items()}
    names = {key: escaped(key) for key in node.properties if escaped(key) != key}
    every = converter(node.additional) if node.additional is not None else None
    if not names and every is None and not any(fields.values()):
        return None

    def convert(value: Any) -> Any:
        if type(value) is not dict:
            return value
        made = {}
        for key, child in value.items():
            inner = fields.get(key, every)
            made[names.get(key, key)] = inner(child) if inner is not None else child
        return made

    return convert


def _of_list(each: Convert) -> Convert:
    return lambda value: [each(item) for item in value] if type(value) is list else value


def _bytes(value: Any) -> Any:
    try:
        return base64.b64decode(value, validate=True) if type(value) is str else value
    except (binascii.Error, ValueError):
        return value
