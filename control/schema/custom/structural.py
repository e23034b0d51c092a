"""Structural schemas: the part of a CRD's OpenAPI schema that says what an object is made of, as a tree.

Source: the Kubernetes documentation of CustomResourceDefinition v1, "Specifying a structural schema".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Raw = Mapping[str, Any]
"""A schema as the CRD has it: one JSONSchemaProps."""

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
EMBEDDED: Final = "x-kubernetes-embedded-resource"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"
LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_KEYS: Final = "x-kubernetes-list-map-keys"
MAP_TYPE: Final = "x-kubernetes-map-type"
RULES: Final = "x-kubernetes-validations"
_NONE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One place of a schema: its kind of value, and the places below it.

    additional: the schema of a map's values; open: a map of anything (``additionalProperties: true``).
    type: empty for int-or-string and for what takes any value.
    """

    raw: Raw
    type: str
    properties: Mapping[str, "Node"]
    items: "Node | None"
    additional: "Node | None"
    open: bool

    @property
    def nullable(self) -> bool:
        """Is null a value of its own here?"""
        return bool(self.raw.get("nullable"))

    @property
    def preserve(self) -> bool:
        """Do fields that the schema does not name stay?"""
        return bool(self.raw.get(PRESERVE))

    @property
    def embedded(self) -> bool:
        """Is this a whole Kubernetes object, with metadata?"""
        return bool(self.raw.get(EMBEDDED))

    @property
    def int_or_string(self) -> bool:
        """Is the value a number or a text?"""
        return bool(self.raw.get(INT_OR_STRING))

    @property
    def list_keys(self) -> tuple[str, ...]:
        """The fields that tell items apart, where the list is a map; sorted."""
        if self.raw.get(LIST_TYPE) != "map":
            return ()
        return tuple(sorted(self.raw.get(LIST_KEYS) or ()))

    @property
    def rules(self) -> tuple[Raw, ...]:
        """CEL rules of this place."""
        return tuple(self.raw.get(RULES) or ())

    def below(self) -> Iterator["Node"]:
        """The places directly below."""
        yield from self.properties.values()
        for inner in (self.items, self.additional):
            if inner is not None:
                yield inner


def structural(raw: Raw) -> Node:
    """The tree of a schema that validation has accepted."""
    items, additional = raw.get("items"), raw.get("additionalProperties")
    return Node(
        raw=raw,
        type=raw.get("type") or "",
        properties={key: structural(inner) for key, inner in (raw.get("properties") or _NONE).items()},
        items=structural(items) if isinstance(items, Mapping) else None,
        additional=structural(additional) if isinstance(additional, Mapping) else None,
        open=additional is True,
    )


def key_of(node: Node, item: Any) -> tuple[Any, ...] | None:
    """What tells an item of a keyed list apart; None when it is no object."""
    if not isinstance(item, Mapping):
        return None
    inner = node.items.properties if node.items is not None else _NONE
    defaults = (inner[key].raw.get("default") if key in inner else None for key in node.list_keys)
    return tuple(item.get(key, default) for key, default in zip(node.list_keys, defaults, strict=True))
