"""Label selectors (matchLabels, matchExpressions) with the path of what is wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from policy.errors import FieldInvalid, SelectorInvalid
from policy.model import Operator, Requirement, Selector

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}")
_VALUE = re.compile(rf"(?:{_NAME})?")


def parse_selector(value: Any, path: str) -> Selector:
    """A LabelSelector object; ``{}`` selects everything.

    path: where it stands, for errors. Raises SelectorInvalid, FieldInvalid.
    """
    selector = mapping(value, path)
    labels = mapping(selector.get("matchLabels") or {}, f"{path}.matchLabels")
    expressions = sequence(selector.get("matchExpressions") or [], f"{path}.matchExpressions")
    return Selector(
        tuple(sorted(_label(key, wanted, f"{path}.matchLabels") for key, wanted in labels.items())),
        tuple(_requirement(entry, f"{path}.matchExpressions[{i}]") for i, entry in enumerate(expressions)),
    )


def mapping(value: Any, path: str) -> Mapping[str, Any]:
    """The value itself when it is an object; FieldInvalid with its path when not."""
    if not isinstance(value, Mapping):
        raise FieldInvalid(path, value, "must be an object")
    return value


def sequence(value: Any, path: str) -> Sequence[Any]:
    """The value itself when it is a list; FieldInvalid with its path when not."""
    if not isinstance(value, list | tuple):
        raise FieldInvalid(path, value, "must be a list")
    return value


def _label(key: Any, wanted: Any, path: str) -> tuple[str, str]:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise SelectorInvalid(path, key, "must be a label key: [prefix/]name")
    if not isinstance(wanted, str) or not _VALUE.fullmatch(wanted):
        raise SelectorInvalid(f"{path}.{key}", wanted, "must be a label value of at most 63 characters")
    return key, wanted


def _requirement(value: Any, path: str) -> Requirement:
    entry = mapping(value, path)
    key = entry.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise SelectorInvalid(f"{path}.key", key, "must be a label key: [prefix/]name")
    try:
        operator = Operator(entry.get("operator", ""))
    except ValueError:
        known = ", ".join(Operator)
        raise SelectorInvalid(f"{path}.operator", entry.get("operator"), f"must be one of {known}") from None
    values = sequence(entry.get("values") or [], f"{path}.values")
    if operator in (Operator.IN, Operator.NOT_IN):
        if not values:
            raise SelectorInvalid(f"{path}.values", None, f"must not be empty with operator {operator}")
    elif values:
        raise SelectorInvalid(f"{path}.values", list(values), f"must be empty with operator {operator}")
    return Requirement(key, operator, tuple(sorted(_label(key, v, f"{path}.values")[1] for v in values)))
