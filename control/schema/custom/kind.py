"""One version of a custom kind, compiled at its first use: checks, fills in, shows and names what it serves."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from control.errors import Cause
from control.schema import causes
from control.schema.custom import defaulting, rules, values
from control.schema.custom.jsonpath import JsonPath, parse
from control.schema.custom.place import Fault, unchanged
from control.schema.custom.printer import Printer
from control.schema.custom.pruning import Pruner
from control.schema.custom.structural import PRESERVE, Node, Raw, structural
from control.schema.structure import Findings, check_message
from control.schema.tables import META

if TYPE_CHECKING:
    from control.schema.resource import ResourceRow

Json = dict[str, Any]
_ANYTHING: Raw = {"type": "object", PRESERVE: True}
_OBJECT_META = META + "ObjectMeta"
_BLOCKING: Final = frozenset(
    f"FieldValue{what}" for what in ("NotSupported", "Required", "TooLong", "TooMany", "TypeInvalid")
)
"""Faults after which a rule might stumble: upstream then evaluates none, and says so."""
_UNCHECKED: Final = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid;"
    " correct the existing errors to complete validation",
    "<nil>",
)


class CustomKind:
    """What a ResourceRow of a CRD knows beyond a built-in one. Compared by identity: each change makes a new one.

    stored: the row of the version that objects are stored in (set by its maker; its own row, for that version).
    fresh_from: entries of this revision or a later one were written under this very schema; older ones are
    pruned and defaulted anew when they are read.
    terminating: the definition is being deleted: nothing new is made.
    """

    def __init__(self, definition: str, version: Raw, fresh_from: int) -> None:
        self.definition = definition
        self.fresh_from = fresh_from
        self.stored: ResourceRow | None = None
        self.terminating = False
        self.version = version
        subresources = version.get("subresources") or {}
        self.has_status = subresources.get("status") is not None
        self.scale: Mapping[str, str] | None = subresources.get("scale")
        self.warning = ""
        self.selected: Mapping[str, tuple[str, ...]] = {}

    @property
    def schema(self) -> Raw:
        """The openAPIV3Schema; anything at all where the CRD has none."""
        found: Raw = (self.version.get("schema") or {}).get("openAPIV3Schema") or _ANYTHING
        return found

    @cached_property
    def node(self) -> Node:
        """The structural schema."""
        return structural(self.schema)

    @cached_property
    def _pruner(self) -> Pruner:
        return Pruner(self.node)

    @cached_property
    def _fill(self) -> defaulting.Fill | None:
        return defaulting.compiled(self.node)

    @cached_property
    def _check(self) -> values.Check:
        return values.compiled(self.schema)

    @cached_property
    def _rules(self) -> rules.Walk | None:
        return rules.compiled(self.node)

    @cached_property
    def printer(self) -> Printer:
        """kubectl's columns."""
        return Printer(self.version.get("additionalPrinterColumns") or ())

    def is_fresh(self, revision: int) -> bool:
        """Can the bytes of an entry of that revision be served as they are?"""
        return revision >= self.fresh_from

    def structure(self, row: "ResourceRow", obj: Json) -> Findings:
        """Prune ``obj`` in place and make its metadata canonical; what was unknown, and what can't be metadata."""
        found = check_message(_OBJECT_META, obj["metadata"]) if "metadata" in obj else Findings()
        unknown = [f"metadata.{path}" for path in found.unknown] + self._pruner.prune(obj)
        return Findings(row.kind, row.version, tuple(unknown), found.errors)

    def fill(self, obj: Json) -> None:
        """Defaults, in place."""
        if self._fill is not None:
            self._fill(obj)

    def shown(self, row: "ResourceRow", obj: Json) -> Json:
        """A stored object as this version shows it; in place. Conversion is None's: the apiVersion alone."""
        stored = self.stored if self.stored is not None else row
        if stored.custom is not None and not self.is_fresh(int(obj["metadata"].get("resourceVersion") or 0)):
            stored.custom._pruner.prune(obj)
            stored.custom.fill(obj)
        if stored is not row:
            self._pruner.prune(obj)
        obj["apiVersion"] = row.api_version  # also where the storage version has moved since
        return obj

    def faults(self, new: Json, old: Json | None) -> list[Cause]:
        """What is wrong with a new object, or with an update of ``old``; what an update left as it was passes."""
        found: list[Fault] = []
        self._check(new, None, found)
        if old is not None and found:
            found = [fault for fault in found if not unchanged(fault.at, self.node, new, old)]
        if self._rules is not None:
            if any(fault.cause.reason in _BLOCKING for fault in found):
                found.append(Fault(None, _UNCHECKED))
            else:
                found += rules.check_rules(self._rules, new, old)
        return [fault.cause for fault in found] + self._scale_faults(new)

    def _scale_faults(self, obj: Json) -> list[Cause]:
        found: list[Cause] = []
        for key in ("specReplicasPath", "statusReplicasPath"):
            path = self.path(key)
            value = path.first(obj) if path is not None else None
            if path is not None and type(value) is int and value < 0:
                said = "should be a non-negative integer"
                found.append(causes.invalid(path.text.lstrip("."), value, said))
        return found

    def path(self, key: str) -> JsonPath | None:
        """One of the scale subresource's paths."""
        text = (self.scale or {}).get(key)
        return parse(text) if text else None
