"""Continue tokens and resourceVersion parameters of lists. Pure."""

import base64
from dataclasses import dataclass

import orjson

from control.errors import BadRequest, Cause, Invalid


@dataclass(frozen=True, slots=True)
class Page:
    """Where a list goes on: the revision that all its pages show, and the last key that was sent."""

    revision: int
    after: tuple[str, str]

    def token(self) -> str:
        """As in metadata.continue."""
        packed = orjson.dumps({"v": "meta.k8s.io/v1", "rv": self.revision, "start": "/".join(self.after)})
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @staticmethod
    def parse(token: str) -> "Page":
        """Raises BadRequest."""
        try:
            value = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            namespace, _, name = value["start"].partition("/")
            return Page(int(value["rv"]), (namespace, name))
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # whatever is no token of ours
            raise BadRequest(f"continue key is not valid: {error}") from None


def parse_revision(text: str, *, field: str = "resourceVersion") -> int | None:
    """A resourceVersion parameter: None when it is not given. Raises Invalid."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        cause = Cause(
            "FieldValueInvalid", f'Invalid value: "{text}": strconv.ParseUint: invalid syntax', field
        )
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
    """Refuse combinations of list parameters that upstream refuses. Raises Invalid."""
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
    try:
        return max(int(text or "0"), 0)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
