"""Errors of the policy layer: each names the field and the value.

PolicyError(field, value, mend)
├ FieldInvalid        a field is of the wrong type, unknown or missing
├ SelectorInvalid     a label selector can't be understood
├ PortRangeInvalid    a port, endPort or protocol is out of range
└ CidrInvalid         an ipBlock's cidr or except
"""

from typing import Any, ClassVar


class PolicyError(Exception):
    """A NetworkPolicy can't be understood.

    field: path inside the object, ``spec.ingress[0].ports[1].port``. value: what stands there.
    mend: what would be right.
    """

    id: ClassVar[str] = "PW-P01"

    def __init__(self, field: str, value: Any, mend: str) -> None:
        super().__init__(field, value, mend)
        self.field, self.value, self.mend = field, value, mend

    def __str__(self) -> str:
        return f"{self.field}: Invalid value: {self.value!r}: {self.mend}"


class FieldInvalid(PolicyError):
    """A field has the wrong type, or one that must be there is missing."""

    id = "PW-P02"


class SelectorInvalid(PolicyError):
    """A label selector can't be understood."""

    id = "PW-P10"


class PortRangeInvalid(PolicyError):
    """A port, an endPort or a protocol is not one."""

    id = "PW-P11"


class CidrInvalid(PolicyError):
    """An ipBlock's range can't be read, or an except lies outside of it."""

    id = "PW-P12"
