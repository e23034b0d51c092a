"""The ``format`` of texts and numbers in a CRD's schema: those that Kubernetes checks; others say nothing.

Source: the Kubernetes documentation of CustomResourceDefinition v1, "Validation", and RFC 3339, 4122, 3986.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

from control.schema import formats, timestamps

_UUID = r"[0-9a-f]{8}-?[0-9a-f]{4}-?%s[0-9a-f]{3}-?%s[0-9a-f]{3}-?[0-9a-f]{12}"
_ANY, _VARIANT = "[0-9a-f]", "[89ab]"
_GO_UNITS: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w|[a-z]+)", re.IGNORECASE)


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    try:
        timestamps.normal_time(text.upper())
    except ValueError:
        return False
    return True


def _is_duration(text: str) -> bool:
    try:
        timestamps.duration_nanos(text)
    except ValueError:
        return _GO_UNITS.fullmatch(text) is not None
    return True


def _is_bytes(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme or text.startswith("/")) and " " not in text


def _is_hostname(text: str) -> bool:
    return 0 < len(text) <= 255 and _HOSTNAME(text)


_HOSTNAME = _matches(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\.?")

TEXT_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "bsonobjectid": _matches("[0-9a-f]{24}"),
    "uri": _is_uri,
    "email": _matches(r"[^@\s<>]+@[^@\s<>]+"),
    "hostname": _is_hostname,
    "ipv4": lambda text: getattr(formats.address(text), "version", 0) == 4,
    "ipv6": lambda text: getattr(formats.address(text), "version", 0) == 6,
    "cidr": lambda text: formats.network(text) is not None,
    "mac": _matches(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}(([:-][0-9a-f]{2}){2})?|([0-9a-f]{4}\.){2}[0-9a-f]{4}"),
    "uuid": _matches(_UUID % (_ANY, _ANY)),
    "uuid3": _matches(_UUID % ("3", _ANY)),
    "uuid4": _matches(_UUID % ("4", _VARIANT)),
    "uuid5": _matches(_UUID % ("5", _VARIANT)),
    "isbn": _matches(r"(97[89][- ]?)?\d{1,5}[- ]?\d+[- ]?\d+[- ]?[\dx]"),
    "isbn10": _matches(r"\d{1,5}[- ]?\d+[- ]?\d+[- ]?[\dx]"),
    "isbn13": _matches(r"97[89][- ]?\d{1,5}[- ]?\d+[- ]?\d+[- ]?\d"),
    "creditcard": _matches(r"[0-9][- 0-9]{11,22}"),
    "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "hexcolor": _matches("#?([0-9a-f]{3}|[0-9a-f]{6})"),
    "rgbcolor": _matches(r"rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)"),
    "byte": _is_bytes,
    "date": _is_date,
    "duration": _is_duration,
    "datetime": _is_date_time,
    "k8s-short-name": lambda text: not formats.label(text),
    "k8s-long-name": lambda text: not formats.subdomain(text),
}
"""By the format's name without its hyphens (upstream reads ``date-time`` so), as ``named`` looks it up."""
NUMBER_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
}


def named(form: str) -> Callable[[str], bool] | None:
    """The check of a text's format; None for one that says nothing."""
    return TEXT_FORMATS.get(form) or TEXT_FORMATS.get(form.replace("-", ""))


def in_range(form: str) -> Callable[[Any], bool] | None:
    """The check of a number's format; None for one that says nothing."""
    bounds = NUMBER_RANGES.get(form)
    if bounds is None:
        return None
    low, high = bounds
    return lambda value: low <= value <= high
