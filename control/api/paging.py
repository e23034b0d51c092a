"""Continue tokens and resourceVersion parameters of lists. Pure."""

import base64
from dataclasses import dataclass
from typing import Final

import orjson

from control.errors import BadRequest, Cause, Invalid

_VERSION: Final = "meta.k8s.io/v1"
_REVISIONS: Final = 1 << 64
_DIGITS_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Page:
    """Where a list goes on: the revision that all its pages show, and the last key that was sent."""

    revision: int
    after: tuple[str, str]

    def token(self) -> str:
        """As in metadata.continue."""
        packed = orjson.dumps({"v": _VERSION, "rv": self.revision, "start": "/".join(self.after)})
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @staticmethod
    def parse(token: str) -> "Page":
        """Raises BadRequest."""
        try:
            value = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            version, revision, start = value["v"], value["rv"], value["start"]
        except (KeyError, TypeError, ValueError):  # whatever is no token of ours
            raise BadRequest("continue key is not valid: it is no token of this server's") from None
        if version != _VERSION:
            raise BadRequest("continue key is not valid: server does not recognize this encoded version")
        if type(revision) is not int or not 0 < revision < _REVISIONS or type(start) is not str:
            raise BadRequest("continue key is not valid: incorrect encoded start resourceVersion")
        namespace, _, name = start.partition("/")
        return Page(revision, (namespace, name))


def parse_revision(text: str, *, field: str = "resourceVersion") -> int | None:
    """A resourceVersion parameter: None when it is not given. Raises Invalid."""
    if not text:
        return None
    why = "" if text.isascii() and text.isdigit() else "invalid syntax"
    if not why and (len(text) > _DIGITS_MOST or int(text) >= _REVISIONS):
        why = "value out of range"
    if why:
        cause = Cause("FieldValueInvalid", f'Invalid value: "{text}": strconv.ParseUint: {why}', field)
        raise Invalid(
            f'ListOptions.meta.k8s.io "" is invalid: {field}: {cause.message}',
            causes=[cause],
            details={"group": "meta.k8s.io", "kind": "ListOptions"},
        )
    return int(text)


def invalid_list(field: str, why: str) -> Invalid:
    """A parameter of a list that upstream refuses, in its words."""
    reason = "FieldValueNotSupported" if why.startswith("Unsupported") else "FieldValueForbidden"
    return Invalid(
        f'ListOptions.meta.k8s.io "" is invalid: {field}: {why}',
        causes=[Cause(reason, why, field)],
        details={"group": "meta.k8s.io", "kind": "ListOptions"},
    )


def check_match(match: str, revision: str, token: str) -> None:
    """Refuse combinations of list parameters that upstream refuses. Raises Invalid, BadRequest."""
    if token and not match and revision not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")
    if not match:
        return
    why = ""
    if token:
        why = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
    elif not revision:
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif match not in ("Exact", "NotOlderThan"):
        why = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan"'
    elif match == "Exact" and revision == "0":
        why = 'Forbidden: resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'
    if why:
        raise invalid_list("resourceVersionMatch", why)


def parse_limit(text: str) -> int:
    """The page's size, 0 for all. Raises BadRequest."""
    digits = text.removeprefix("-")
    if text and not (digits.isascii() and digits.isdigit() and len(digits) < _DIGITS_MOST):
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return max(int(text or "0"), 0)
