"""Where a kernel rule comes from: the API object and the field that asked for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The API object behind a value. Carried with ``field(compare=False)``: a new resourceVersion alone
    changes no rule.

    field: path inside the object, ``spec.ingress[0].from[1]``; empty for the object as a whole.
    """

    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    field: str = ""

    def comment(self) -> str:
        """Short text for a rule's or element's userdata, at most 128 bytes: ``kind namespace/name field``."""
        text = f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"
        return f"{text} {self.field}".strip()[:128]
